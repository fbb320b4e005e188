/**
 * The checks ("rules") of `docker build --check`: name, description and the page that explains it,
 * and the sentence about one finding.
 */
import { quote } from '../go-text.ts'

export interface Rule {
  description: string
  url: string
  /** Only on request: `# check=experimental=…`. */
  experimental?: true
}

/** What the sentence of each rule tells. */
export interface Findings {
  StageNameCasing: [stage: string]
  FromAsCasing: [from: string, as: string]
  NoEmptyContinuation: []
  ConsistentInstructionCasing: [keyword: string, casing: string]
  DuplicateStageName: [stage: string]
  ReservedStageName: [stage: string]
  JSONArgsRecommended: [keyword: string]
  MaintainerDeprecated: []
  UndefinedArgInFrom: [arg: string, suggestion: string | undefined]
  WorkdirRelativePath: [path: string]
  UndefinedVar: [name: string, suggestion: string | undefined]
  MultipleInstructionsDisallowed: [keyword: string]
  LegacyKeyValueFormat: [keyword: string]
  InvalidBaseImagePlatform: [image: string, expected: string, actual: string]
  RedundantTargetPlatform: [platform: string]
  SecretsUsedInArgOrEnv: [keyword: string, key: string]
  InvalidDefaultArgInFrom: [base: string]
  FromPlatformFlagConstDisallowed: [platform: string]
  CopyIgnoredFile: [keyword: string, path: string]
  InvalidDefinitionDescription: [keyword: string, name: string]
  ExposeProtoCasing: [port: string]
  ExposeInvalidFormat: [port: string]
}

export type RuleName = keyof Findings

const page = (name: string): string => `https://docs.docker.com/go/dockerfile/rule/${name}/`

export const RULES: Readonly<Record<RuleName, Rule>> = {
  StageNameCasing: {
    description: 'Stage names should be lowercase',
    url: page('stage-name-casing'),
  },
  FromAsCasing: {
    description: "The 'as' keyword should match the case of the 'from' keyword",
    url: page('from-as-casing'),
  },
  NoEmptyContinuation: {
    description: 'Empty continuation lines will become errors in a future release',
    url: page('no-empty-continuation'),
  },
  ConsistentInstructionCasing: {
    description:
      'All commands within the Dockerfile should use the same casing (either upper or lower)',
    url: page('consistent-instruction-casing'),
  },
  DuplicateStageName: {
    description: 'Stage names should be unique',
    url: page('duplicate-stage-name'),
  },
  ReservedStageName: {
    description: 'Reserved words should not be used as stage names',
    url: page('reserved-stage-name'),
  },
  JSONArgsRecommended: {
    description:
      'JSON arguments recommended for ENTRYPOINT/CMD to prevent unintended behavior related to OS signals',
    url: page('json-args-recommended'),
  },
  MaintainerDeprecated: {
    description:
      'The MAINTAINER instruction is deprecated, use a label instead to define an image author',
    url: page('maintainer-deprecated'),
  },
  UndefinedArgInFrom: {
    description: 'FROM command must use declared ARGs',
    url: page('undefined-arg-in-from'),
  },
  WorkdirRelativePath: {
    description:
      'Relative workdir without an absolute workdir declared within the build can have unexpected results if the base image changes',
    url: page('workdir-relative-path'),
  },
  UndefinedVar: {
    description: 'Variables should be defined before their use',
    url: page('undefined-var'),
  },
  MultipleInstructionsDisallowed: {
    description: 'Multiple instructions of the same type should not be used in the same stage',
    url: page('multiple-instructions-disallowed'),
  },
  LegacyKeyValueFormat: {
    description: 'Legacy key/value format with whitespace separator should not be used',
    url: page('legacy-key-value-format'),
  },
  InvalidBaseImagePlatform: {
    description: 'Base image platform does not match expected target platform',
    url: '',
  },
  RedundantTargetPlatform: {
    description:
      'Setting platform to predefined $TARGETPLATFORM in FROM is redundant as this is the default behavior',
    url: page('redundant-target-platform'),
  },
  SecretsUsedInArgOrEnv: {
    description: 'Sensitive data should not be used in the ARG or ENV commands',
    url: page('secrets-used-in-arg-or-env'),
  },
  InvalidDefaultArgInFrom: {
    description: 'Default value for global ARG results in an empty or invalid base image name',
    url: page('invalid-default-arg-in-from'),
  },
  FromPlatformFlagConstDisallowed: {
    description: 'FROM --platform flag should not use a constant value',
    url: page('from-platform-flag-const-disallowed'),
  },
  CopyIgnoredFile: {
    description: 'Attempting to Copy file that is excluded by .dockerignore',
    url: page('copy-ignored-file'),
  },
  InvalidDefinitionDescription: {
    description:
      'Comment for build stage or argument should follow the format: `# <arg/stage name> <description>`. If this is not intended to be a description comment, add an empty line or comment between the instruction and the comment.',
    url: page('invalid-definition-description'),
    experimental: true,
  },
  ExposeProtoCasing: {
    description: 'Protocol in EXPOSE instruction should be lowercase',
    url: page('expose-proto-casing'),
  },
  ExposeInvalidFormat: {
    description:
      'IP address and host-port mapping should not be used in EXPOSE instruction. This will become an error in a future release',
    url: page('expose-invalid-format'),
  },
}

const suggested = (word: string | undefined, prefix = ''): string =>
  word ? ` (did you mean ${prefix}${word}?)` : ''

/** The sentence about one finding. */
export const DETAILS: { readonly [R in RuleName]: (...finding: Findings[R]) => string } = {
  StageNameCasing: (stage) => `Stage name '${stage}' should be lowercase`,
  FromAsCasing: (from, as) => `'${as}' and '${from}' keywords' casing do not match`,
  NoEmptyContinuation: () => 'Empty continuation line',
  ConsistentInstructionCasing: (keyword, casing) =>
    `Command '${keyword}' should match the case of the command majority (${casing})`,
  DuplicateStageName: (stage) =>
    `Duplicate stage name ${quote(stage)}, stage names should be unique`,
  ReservedStageName: (stage) =>
    `Stage name should not use the same name as reserved stage ${quote(stage)}`,
  JSONArgsRecommended: (keyword) =>
    `JSON arguments recommended for ${keyword} to prevent unintended behavior related to OS signals`,
  MaintainerDeprecated: () => 'Maintainer instruction is deprecated in favor of using label',
  UndefinedArgInFrom: (arg, suggestion) =>
    `FROM argument '${arg}' is not declared${suggested(suggestion)}`,
  WorkdirRelativePath: (path) =>
    `Relative workdir ${quote(path)} can have unexpected results if the base image changes`,
  UndefinedVar: (name, suggestion) =>
    `Usage of undefined variable '$${name}'${suggested(suggestion, '$')}`,
  MultipleInstructionsDisallowed: (keyword) =>
    `Multiple ${keyword} instructions should not be used in the same stage because only the last one will be used`,
  LegacyKeyValueFormat: (keyword) =>
    `"${keyword} key=value" should be used instead of legacy "${keyword} key value" format`,
  InvalidBaseImagePlatform: (image, expected, actual) =>
    `Base image ${image} was pulled with platform ${quote(actual)}, expected ${quote(expected)} for current build`,
  RedundantTargetPlatform: (platform) =>
    `Setting platform to predefined ${platform} in FROM is redundant as this is the default behavior`,
  SecretsUsedInArgOrEnv: (keyword, key) =>
    `Do not use ARG or ENV instructions for sensitive data (${keyword} ${quote(key)})`,
  InvalidDefaultArgInFrom: (base) =>
    `Default value for ARG ${base} results in empty or invalid base image name`,
  FromPlatformFlagConstDisallowed: (platform) =>
    `FROM --platform flag should not use constant value ${quote(platform)}`,
  CopyIgnoredFile: (keyword, path) =>
    `Attempting to ${keyword} file ${quote(path)} that is excluded by .dockerignore`,
  InvalidDefinitionDescription: (keyword, name) =>
    `Comment for ${keyword} should follow the format: \`# ${name} <description>\``,
  ExposeProtoCasing: (port) =>
    `Defined protocol '${port}' in EXPOSE instruction should be lowercase`,
  ExposeInvalidFormat: (port) =>
    `EXPOSE instruction should not define an IP address or host-port mapping, found '${port}'`,
}
