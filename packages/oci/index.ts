export * from './image-config.ts'
