export { applicationDescription, driverDescription } from '../../actors/messages/samples.js'
