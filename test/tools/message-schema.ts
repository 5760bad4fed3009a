import * as z from '../../runtime/zod.js'

/* What a message, or a record, could have besides the fields that its schema names. */

export interface Node {
  readonly type?: string
  readonly properties?: Readonly<Record<string, Node>>
  readonly additionalProperties?: Node | boolean
  readonly items?: Node
  readonly prefixItems?: readonly Node[]
  readonly anyOf?: readonly Node[]
  readonly oneOf?: readonly Node[]
}

export const nodeOf = (schema: z.ZodType): Node =>
  z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as Node

/** True: it keeps fields that it does not know. */
const isOpen = ({ additionalProperties: more }: Node): boolean =>
  more === true || (typeof more === 'object' && Object.keys(more).length === 0)

/** The same value with more fields in each of its objects that has fields of its own. */
export function withMore(
  value: unknown,
  node: Node,
  fieldsFor: (node: Node, isOpen: boolean) => Readonly<Record<string, unknown>>,
): unknown {
  const alternatives = node.anyOf ?? node.oneOf
  if (alternatives) {
    const fits = alternatives.find(({ type, properties }) =>
      value === null
        ? type === 'null'
        : typeof value === 'object'
          ? properties !== undefined || type === 'array'
          : false,
    )
    return fits ? withMore(value, fits, fieldsFor) : value
  }
  if (Array.isArray(value))
    return value.map((item) => (node.items ? withMore(item, node.items, fieldsFor) : item))
  if (typeof value !== 'object' || value === null || !node.properties) return value
  const { properties } = node
  const fields = Object.entries(value).map(([key, child]) => [
    key,
    withMore(child, properties[key] ?? {}, fieldsFor),
  ])
  return { ...Object.fromEntries(fields), ...fieldsFor(node, isOpen(node)) }
}
