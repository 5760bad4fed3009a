/** A driver that has been told to leave, until it runs elsewhere. */
export interface Move {
  readonly driverId: string
  readonly from: string
  /** The generation that was told to end. */
  readonly generation: number
}
