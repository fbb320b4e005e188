/** OCI image configuration (image-spec config.md) with Docker's additions. */
export interface ImageConfig {
  architecture: string
  os: string
  variant?: string
  'os.version'?: string
  created?: string
  author?: string
  config?: {
    User?: string
    ExposedPorts?: Record<string, unknown>
    Env?: string[]
    Entrypoint?: string[]
    Cmd?: string[]
    Volumes?: Record<string, unknown>
    WorkingDir?: string
    Labels?: Record<string, string>
    StopSignal?: string
    Shell?: string[]
    OnBuild?: string[]
    ArgsEscaped?: boolean
    Healthcheck?: {
      Test?: string[]
      Interval?: number
      Timeout?: number
      StartPeriod?: number
      StartInterval?: number
      Retries?: number
    }
  }
  rootfs: { type: string; diff_ids: string[] }
  history?: Array<{
    created?: string
    created_by?: string
    author?: string
    comment?: string
    empty_layer?: boolean
  }>
}
