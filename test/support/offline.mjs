// `node --import` this: a process without a network. Every look-up and connection is an error.
import dns from 'node:dns'
import { syncBuiltinESMExports } from 'node:module'
import { Socket } from 'node:net'

const refuse = () => {
  throw new Error('This process has no network.')
}
Socket.prototype.connect = refuse
dns.lookup = dns.promises.lookup = dns.resolve = dns.promises.resolve = refuse
syncBuiltinESMExports()
