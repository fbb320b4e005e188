/** Answers about images as older clients expect them. */
import type { ImageConfig, ImageInspect, ImageSummary } from '@tdocker/api'
import { zeroTime } from '@tdocker/api/time.ts'
import { since } from '@tdocker/api/versions.ts'

export function imageSummaryFor(image: ImageSummary, version: string): ImageSummary {
  const told: ImageSummary = { ...image }
  if (!since(version, 'emptyRepoTags')) {
    const nameless = !told.RepoTags.length && !told.RepoDigests.length
    // Go's nil list, which only newer versions turn into an empty one.
    const none = (text: string): string[] => (nameless ? [text] : (null as unknown as string[]))
    if (!told.RepoTags.length) told.RepoTags = none('<none>:<none>')
    if (!told.RepoDigests.length) told.RepoDigests = none('<none>@<none>')
  }
  if (!since(version, 'noVirtualSize')) told.VirtualSize = image.Size
  if (!since(version, 'descriptor')) delete told.Descriptor
  if (!since(version, 'imageContainers')) told.Containers = -1
  return told
}

export function imageInspectFor(newest: ImageInspect, version: string): ImageInspect {
  const { Container: container, ContainerConfig: containerConfig, ...image } = newest
  if (since(version, 'noLegacyFields')) return image
  const told: ImageInspect = {
    Parent: '',
    Comment: '',
    DockerVersion: '',
    Author: '',
    ...image,
    Config: image.Config && {
      ...(since(version, 'bareImageConfig') ? {} : emptyContainerConfig),
      ...emptyConfig,
      ...image.Config,
    },
  }
  if (!since(version, 'noVirtualSize')) {
    told.VirtualSize = image.Size
    told.Created ||= zeroTime
  }
  if (!since(version, 'noContainerConfig')) {
    told.Container = container ?? ''
    told.ContainerConfig = { ...emptyContainerConfig, ...containerConfig }
  }
  if (!since(version, 'descriptor')) delete told.Descriptor
  return told
}

/** Clients of that age read its members without asking. */
const emptyContainerConfig: NonNullable<ImageInspect['ContainerConfig']> = {
  Hostname: '',
  Domainname: '',
  User: '',
  AttachStdin: false,
  AttachStdout: false,
  AttachStderr: false,
  Tty: false,
  OpenStdin: false,
  StdinOnce: false,
  Env: null,
  Cmd: null,
  Image: '',
  Volumes: null,
  WorkingDir: '',
  Entrypoint: null,
  Labels: null,
}

/** Left out from 1.52 on where empty. */
const emptyConfig: ImageConfig = {
  User: '',
  Env: null,
  Cmd: null,
  Volumes: null,
  WorkingDir: '',
  Entrypoint: null,
  OnBuild: null,
  Labels: null,
}
