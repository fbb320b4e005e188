/** Where tdocker answers otherwise than dockerd 29.7 (or 20.10), and why that is right. */
export interface Explanation {
  /** Matches `group / call`. */
  readonly call: RegExp
  /** Matches the place of the difference. */
  readonly where: RegExp
  readonly why: string
  /** Versions of dockerd it is about, where not 29. */
  readonly peer?: RegExp
}

/**
 * How the requests of these groups end is the same since Docker 20.10, which Debian has; their words
 * and fields are not.
 */
export const sinceOld: Readonly<Record<'peer' | 'groups' | 'where', RegExp>> = {
  peer: /^20\./,
  groups:
    /^(?!images |create refused|old |signals|joined|archives in|lists|nobody there|bridge|no such plugin)/,
  where: /^(status|text|head\.x-docker-container-path-stat)$/,
}

export const explained: readonly Explanation[] = [
  {
    call: /images mounted/,
    where: /^(0\.)?Mounts\.\d\.Source$/,
    why: 'an image is mounted nowhere on the host: its id is told in place of a path',
  },
  {
    call: /images mounted \/ start without its part/,
    where: /^message$/,
    why: 'layers lie elsewhere, and all of the path is looked up at once',
  },
  {
    call: /images mounted \/ events/,
    where: /^(container <id>|network )/,
    why: 'what is refused is never made; a start that is refused may have connected the network already',
  },
  {
    call: /image|inspect|killed|newest|created|running|stopped|healthy|clash/,
    where: /^GraphDriver\.Data\./,
    why: 'layers and containers lie elsewhere, and nothing is mounted on the host',
  },
  {
    call: /./,
    where: /^(ResolvConfPath|HostnamePath|HostsPath|LogPath|NetworkSettings\.SandboxKey)$/,
    why: 'these files lie in the runtime directory, from the first start on; no file holds a namespace',
  },
  {
    call: /./,
    where: /^NetworkSettings\.SandboxID$/,
    why: 'a container has one network sandbox, which bears its id',
  },
  { call: /./, where: /^HostConfig\.Runtime$/, why: 'the default runtime is called tdocker' },
  {
    call: /attach/,
    where: /^(type|text|message|head\..*)$/,
    why: 'the same sentence, as JSON: dockerd has by then left HTTP behind',
  },
  {
    call: /inspect (stopped|restarted)/,
    where: /Networks\.none\.DNSNames$/,
    why: 'dockerd gives names to an endpoint without a resolver when its container is renamed',
  },
  {
    call: /too (new|old)/,
    where: /^(text|message)$/,
    why: 'the version window is 1.24 to 1.56',
  },
  {
    call: /ends \/ (create|start|remove) nowhere|ends \/ events/,
    where: /./,
    why: 'a working directory is made at the start, not at create; a start that fails had a network',
  },
  {
    call: /(create|remove) nothing|nobody there \/ events/,
    where: /./,
    why: 'a container without any image has nothing to start and is refused',
  },
  {
    call: /(refused|^mount .*|^bind .*|kinds) \/ events/,
    where: /^container <id>/,
    why: 'what is refused is never made, so it is not destroyed either',
  },
  {
    call: /(volume options|mount subpath|kinds) \/ events/,
    where: /^volume /,
    why: 'what could not be mounted is not unmounted',
  },
  {
    call: /kinds \/ (create mk-image|start mk-root|wait mk-root)/,
    where: /message|Message/,
    why: 'paths are told as the container knows them: there is no tree on the host to name',
  },
  {
    call: /volume update, names \/ events/,
    where: /^volume v+$/,
    why: 'the row comes before the directory, so what cannot be made was made and is destroyed',
  },
  {
    call: /(refused|joined|volume options|^mount .*|^bind .*|kinds|templates|addresses) \/ events/,
    where: /^network /,
    why: 'a start that is refused may have connected the network already; dockerd tells only the end of it',
  },
  {
    call: /refused \/ .*port.protocol|refused \/ events/,
    where: /./,
    why: 'a protocol that nothing forwards is refused at create, not at the start',
  },
  {
    call: /stats \/ (once|twice)/,
    where: /(cpu_usage\.|memory_stats\.stats\.)/,
    why: 'runc itself runs in the container for a while; here nothing but the program does',
  },
  {
    call: /bridge \/ inspect clash/,
    where: /^NetworkSettings\.Networks\.bridge$/,
    why: 'dockerd forgets the networks of a container whose ports were taken',
  },
  {
    call: /networks \/ (list|bridge)/,
    where: /network\.driver\.mtu$/,
    why: 'the bridge has the MTU of the host',
  },
  {
    call: /system \/ info/,
    where:
      /^(Plugins|Runtimes|DefaultRuntime|LiveRestoreEnabled|(Containerd|Runc|Init)Commit|FirewallBackend|CDISpecDirs|Containerd|Warnings|ProductLicense|DiscoveredDevices)(\.|$)/,
    why: 'another engine, with other parts',
  },
  {
    call: /system \/ version/,
    where: /^(Platform|Components|ApiVersion|MinAPIVersion|GitCommit|GoVersion|BuildTime)(\.|$)/,
    why: 'another engine, with other parts',
  },
  {
    call: /ping/,
    where: /^head\.builder-version$/,
    why: 'there is no BuildKit',
  },
  {
    call: /lists/,
    where: /Mounts\.\d+\.Source$/,
    why: 'the list names the directory of an anonymous volume, as inspect does',
  },
  {
    call: /heads|nobody there \/ (no such route|too (new|old))/,
    where: /^head\.(api-version|docker-experimental|ostype|server)$/,
    why: 'every answer bears these, also that no such page is there',
  },
  {
    call: /heads \/ (stat|get) \/$/,
    where: /path-stat$/,
    why: 'the size of a directory is what its file system says',
  },
  {
    call: /events of verbs \/ events/,
    where: /^volume .*\.\d+$/,
    why: 'dockerd mounts the volumes once more to copy from a container',
  },
  {
    call: /image reads \/ (save|load|push|search|events)/,
    where: /./,
    why: 'archives of images, pushes and searches are not served yet',
  },
  {
    call: /image reads \/ pull without name/,
    where: /./,
    why: 'a pull of nothing is refused before any registry is asked',
  },
  {
    call: /subpath$/,
    where: /./,
    why: 'a part of a volume is not mounted yet',
  },
  {
    call: /^old .* \/ events/,
    where: /^(volume old-v|container <o-subpath>)$/,
    why: 'as above',
  },
  {
    call: /signals \/ restart\?t=x/,
    where: /^status$/,
    why: 'a number that is none is the client’s mistake, as in stop',
  },
  {
    call: /names \/ inspect (with slash|escaped)/,
    where: /^(status|head\..*)$/,
    why: 'Go’s router redirects to the path without the slash first; clients follow',
  },
  {
    peer: /^20\./,
    call: /signal 99|bad since|since=2020|until=nope|put (into|read)|untils?$|bad time|without body|tag badly|enable nothing/,
    where: /^status$/,
    why: 'since then known for bad requests: 400 instead of 500',
  },
  {
    peer: /^20\./,
    call: /wait with nonsense|exec \/ (start )?nobody|update \/ kernel memory|list until/,
    where: /^status$/,
    why: 'since then other wishes are known',
  },
  {
    peer: /^20\./,
    call: /run privileged/,
    where: /^text$/,
    why: 'its runc does not know all capabilities of this kernel',
  },
]
