/** Takes the lines of a record, segment after segment. A line is JSON without a line break. */
export interface SegmentSink {
  /** A segment is open and takes lines. */
  readonly isOpen: boolean
  /** A segment may begin. False for a while after a failure. */
  readonly isReady: boolean
  /** The open segment is as large as it should become. */
  readonly isFull: boolean
  /** Begins a segment. `head` is its number, and returns what it begins with, made a little at a time. */
  begin(head: (segment: number) => Iterator<string>): void
  append(line: string): void
  /** Ends the open segment with this line. */
  end(line: string): void
  /** Resolves when all that was taken is written, or given up, within `recordingCloseMs`. */
  close(): Promise<void>
}
