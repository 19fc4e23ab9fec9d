export * from './size.ts'
