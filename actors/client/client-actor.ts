/* Names that clients of all kinds share. They stand alone, because a command must not load an application. */

export const MASTER_PATH = '/user/Master'
/** The actor to which Masters and Workers send messages for a client. */
export const CLIENT_ACTOR = 'ClientEndpoint'
