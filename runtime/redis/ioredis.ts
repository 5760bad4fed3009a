/* The part of ioredis that this package uses. The build makes one file of it (test/setup/bundle.ts). */

export { Redis, type RedisOptions } from 'ioredis'
