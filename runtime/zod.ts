/* The part of zod that this package uses. The build makes one file of it (test/setup/bundle.ts). */

export type { core, infer, ZodLiteral, ZodType } from 'zod'
export {
  array,
  boolean,
  discriminatedUnion,
  enum,
  int,
  literal,
  NEVER,
  number,
  object,
  record,
  strictObject,
  string,
  toJSONSchema,
  tuple,
  union,
  unknown,
} from 'zod'
