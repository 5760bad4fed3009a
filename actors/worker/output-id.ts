/**
 * Ids become folder names. They are checked here whatever their sender has proved, because none may lead out
 * of the work folder.
 */
const APPLICATION = /^app-[A-Za-z0-9-]{1,200}$/
const DRIVER = /^driver-[A-Za-z0-9-]{1,200}$/
const EXECUTOR_NUMBER = /^(0|[1-9][0-9]{0,15})$/

export const isApplicationId = (id: string): boolean => APPLICATION.test(id)
export const isDriverId = (id: string): boolean => DRIVER.test(id)

/** Path segments below the work folder of `driver-...` or `app-.../N`; undefined for anything else. */
export function outputFolder(id: string): readonly string[] | undefined {
  if (isDriverId(id)) return [id]
  const [appId, execId, ...rest] = id.split('/')
  if (appId === undefined || execId === undefined || rest.length > 0) return undefined
  return isApplicationId(appId) && EXECUTOR_NUMBER.test(execId) ? [appId, execId] : undefined
}
