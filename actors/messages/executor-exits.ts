/** With what an executor ends. `startless`: its task threads do not start. `defect`: an exception of ours. */
export const executorExits = { asked: 0, boot: 2, alone: 3, startless: 4, defect: 5 } as const

/** What only an executor says by its exit code; the rest is in its output. */
export const executorExitText = (code: number | null): string | undefined =>
  code === executorExits.alone ? 'It had no link to its driver, whose address is in its output' : undefined
