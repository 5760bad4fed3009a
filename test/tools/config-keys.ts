/** Keys of a deployment file at any level, and names that are no keys anywhere. */
export const keys: readonly string[] = [
  'cluster masters workers master recovery security scheduling submissions logging tracing monitoring metrics probes pages',
  'mode redis sentinel election lease replicas directory module hosts tls ca db name',
  'host port web webHost rest advertise cores memory resources labels gpu main args',
  'env supervise maxRestarts restartWindow onIsolation spreadOut workerTimeout orphanGrace secret file level format ring otlp record maxBytes',
  '__proto__ constructor toString hasOwnProperty 0 length <<',
].flatMap((line) => line.split(' '))
