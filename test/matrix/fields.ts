/** All rows, by area. */
import type { Field } from './field.ts'
import { lifecycleFields } from './fields/lifecycle.ts'
import { namespaceFields } from './fields/namespaces.ts'
import { networkFields } from './fields/network.ts'
import { processFields } from './fields/process.ts'
import { resourceFields } from './fields/resources.ts'
import { rootFields } from './fields/root.ts'
import { securityFields } from './fields/security.ts'

export const fields: readonly Field[] = [
  ...processFields,
  ...lifecycleFields,
  ...namespaceFields,
  ...rootFields,
  ...securityFields,
  ...resourceFields,
  ...networkFields,
]
