import { config } from 'zod'

// Before any schema is used: zod must not try to compile them, which the page's policy forbids.
config({ jitless: true })
