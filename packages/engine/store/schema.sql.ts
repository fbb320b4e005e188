/**
 * Numbered migrations: entry N brings the database from `user_version` N to N+1. Entries are never
 * edited once released. Documents (`*_json`) hold what is only ever read and written whole.
 */
export const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;

  -- Content: blobs by digest, files in content/blobs/sha256/HEX.
  CREATE TABLE blob (
    digest TEXT PRIMARY KEY, size INTEGER NOT NULL, media_type TEXT NOT NULL,
    created_at INTEGER NOT NULL, last_used_at INTEGER NOT NULL
  ) STRICT;
  -- Small documents (manifests, indexes, image configs), exact bytes.
  CREATE TABLE document (
    digest TEXT PRIMARY KEY, media_type TEXT NOT NULL, body BLOB NOT NULL
  ) STRICT;
  -- Partial downloads: files in content/partial/HEX; resumed by Range.
  CREATE TABLE partial (
    digest TEXT PRIMARY KEY, size INTEGER NOT NULL, received INTEGER NOT NULL, updated_at INTEGER NOT NULL
  ) STRICT;
  -- Unpacked layers: directory layers/KEY/diff; key is the diff ID, or the chain ID where open ends were closed.
  CREATE TABLE layer (
    key TEXT PRIMARY KEY, diff_id TEXT NOT NULL, size INTEGER NOT NULL, entries INTEGER NOT NULL,
    durable INTEGER NOT NULL DEFAULT 0, state TEXT NOT NULL CHECK (state IN ('unpacking','ready')),
    blob_digest TEXT, created_at INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE image (
    id TEXT PRIMARY KEY, manifest_digest TEXT, os TEXT NOT NULL, architecture TEXT NOT NULL, variant TEXT NOT NULL,
    size INTEGER NOT NULL, created_at INTEGER NOT NULL, pulled_at INTEGER NOT NULL, last_used_at INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE image_layer (
    image_id TEXT NOT NULL REFERENCES image(id) ON DELETE CASCADE, position INTEGER NOT NULL,
    layer_key TEXT NOT NULL REFERENCES layer(key), PRIMARY KEY (image_id, position)
  ) STRICT;
  CREATE INDEX image_layer_key ON image_layer(layer_key);
  -- name: familiar repository without tag, e.g. docker.io/library/busybox; tag NULL and digest set for repo digests.
  CREATE TABLE image_tag (
    repository TEXT NOT NULL, tag TEXT NOT NULL, image_id TEXT NOT NULL REFERENCES image(id), tagged_at INTEGER NOT NULL,
    PRIMARY KEY (repository, tag)
  ) STRICT;
  CREATE INDEX image_tag_image ON image_tag(image_id);
  CREATE TABLE image_digest (
    repository TEXT NOT NULL, digest TEXT NOT NULL, image_id TEXT NOT NULL REFERENCES image(id) ON DELETE CASCADE,
    PRIMARY KEY (repository, digest, image_id)
  ) STRICT;

  CREATE TABLE container (
    id TEXT PRIMARY KEY, name TEXT UNIQUE, image_id TEXT NOT NULL, created_at INTEGER NOT NULL,
    config_json TEXT NOT NULL, host_config_json TEXT NOT NULL, detail_json TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('creating','created','running','paused','restarting','removing','exited','dead')),
    pid INTEGER NOT NULL DEFAULT 0, exit_code INTEGER NOT NULL DEFAULT 0, error TEXT NOT NULL DEFAULT '',
    oom_killed INTEGER NOT NULL DEFAULT 0, started_at INTEGER, finished_at INTEGER,
    restart_count INTEGER NOT NULL DEFAULT 0, boot_id TEXT NOT NULL DEFAULT ''
  ) STRICT;
  CREATE INDEX container_image ON container(image_id);
  CREATE TABLE exec (
    id TEXT PRIMARY KEY, container_id TEXT NOT NULL REFERENCES container(id) ON DELETE CASCADE, created_at INTEGER NOT NULL,
    config_json TEXT NOT NULL, state TEXT NOT NULL CHECK (state IN ('created','running','exited')),
    pid INTEGER NOT NULL DEFAULT 0, exit_code INTEGER
  ) STRICT;
  CREATE INDEX exec_container ON exec(container_id);

  CREATE TABLE network (
    id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, driver TEXT NOT NULL, created_at INTEGER NOT NULL, config_json TEXT NOT NULL
  ) STRICT;
  CREATE TABLE endpoint (
    id TEXT PRIMARY KEY, network_id TEXT NOT NULL REFERENCES network(id), container_id TEXT NOT NULL,
    address TEXT, address6 TEXT, mac TEXT NOT NULL DEFAULT '', host_interface TEXT NOT NULL DEFAULT '', detail_json TEXT NOT NULL DEFAULT '{}',
    UNIQUE (network_id, address)
  ) STRICT;
  CREATE INDEX endpoint_container ON endpoint(container_id);
  CREATE TABLE port (
    protocol TEXT NOT NULL, host_address TEXT NOT NULL, host_port INTEGER NOT NULL, container_id TEXT NOT NULL,
    container_address TEXT NOT NULL, container_port INTEGER NOT NULL, PRIMARY KEY (protocol, host_address, host_port)
  ) STRICT;

  CREATE TABLE volume (
    name TEXT PRIMARY KEY, driver TEXT NOT NULL, anonymous INTEGER NOT NULL, created_at INTEGER NOT NULL,
    labels_json TEXT NOT NULL, options_json TEXT NOT NULL, last_used_at INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE volume_use (
    volume_name TEXT NOT NULL REFERENCES volume(name), container_id TEXT NOT NULL REFERENCES container(id) ON DELETE CASCADE,
    PRIMARY KEY (volume_name, container_id)
  ) STRICT;

  CREATE TABLE event (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, time_ns INTEGER NOT NULL, type TEXT NOT NULL, action TEXT NOT NULL,
    actor_id TEXT NOT NULL, attributes_json TEXT NOT NULL
  ) STRICT;
  CREATE INDEX event_time ON event(time_ns);
  `,
  `
  -- Removed by force while containers still use it: hidden from lists, kept with its layers until the last one goes.
  ALTER TABLE image ADD COLUMN removed INTEGER NOT NULL DEFAULT 0;
  `,
  `
  -- Bytes of directories whose measure took long: what \`system df\` knows before it has measured again.
  CREATE TABLE tree_size (
    path TEXT PRIMARY KEY, bytes INTEGER NOT NULL, measured_at INTEGER NOT NULL
  ) STRICT;
  `,
  `
  -- Results of health checks; the log holds the last five.
  CREATE TABLE health (
    container_id TEXT PRIMARY KEY REFERENCES container(id) ON DELETE CASCADE, status TEXT NOT NULL,
    failing_streak INTEGER NOT NULL, log_json TEXT NOT NULL
  ) STRICT;
  `,
  `
  -- How far a container's log has been sent elsewhere, in bytes of the stream of all it ever logged.
  CREATE TABLE log_cursor (
    container_id TEXT PRIMARY KEY REFERENCES container(id) ON DELETE CASCADE, confirmed INTEGER NOT NULL
  ) STRICT;
  `,
  `
  -- Image it was made from on this machine, by commit or build.
  ALTER TABLE image ADD COLUMN parent_id TEXT;
  CREATE INDEX image_parent ON image(parent_id);
  -- Compressed forms of a layer that registries know, also when the bytes are no longer kept here.
  CREATE TABLE layer_blob (
    diff_id TEXT NOT NULL, digest TEXT NOT NULL, size INTEGER NOT NULL, media_type TEXT NOT NULL,
    PRIMARY KEY (diff_id, digest)
  ) STRICT;
  -- Where a blob was seen, so that a push can mount it from there. repository: path on that host.
  CREATE TABLE blob_location (
    digest TEXT NOT NULL, host TEXT NOT NULL, repository TEXT NOT NULL, seen_at INTEGER NOT NULL,
    PRIMARY KEY (digest, host, repository)
  ) STRICT;
  `,
  `
  -- What removals and lists look up, per image and not by reading all.
  CREATE INDEX image_digest_image ON image_digest(image_id);
  CREATE INDEX image_digest_digest ON image_digest(digest);
  CREATE INDEX image_manifest ON image(manifest_digest);
  CREATE INDEX layer_blob_kept ON layer(blob_digest);
  CREATE INDEX layer_diff ON layer(diff_id);
  CREATE INDEX layer_blob_digest ON layer_blob(digest);
  -- Labels of the config, so that lists need not parse it; NULL for none.
  ALTER TABLE image ADD COLUMN labels_json TEXT;
  UPDATE image SET labels_json = (
    SELECT json_extract(CAST(body AS TEXT), '$.config.Labels') FROM document
    WHERE digest = image.id AND json_valid(CAST(body AS TEXT)));
  `,
  `
  -- Every blob is known as the compressed form of a layer, so that giving it up forgets only the bytes.
  INSERT OR IGNORE INTO layer_blob (diff_id, digest, size, media_type)
    SELECT diff_id, digest, blob.size, media_type FROM layer JOIN blob ON digest = blob_digest;
  CREATE INDEX blob_last_used ON blob(last_used_at);
  `,
  `
  -- What lists tell of an image's manifest; the document itself is large and lies elsewhere in the file.
  ALTER TABLE image ADD COLUMN manifest_type TEXT;
  ALTER TABLE image ADD COLUMN manifest_size INTEGER;
  CREATE TRIGGER image_manifest_added AFTER INSERT ON image WHEN NEW.manifest_digest IS NOT NULL BEGIN
    UPDATE image SET (manifest_type, manifest_size) =
      (SELECT media_type, length(body) FROM document WHERE digest = NEW.manifest_digest)
    WHERE id = NEW.id;
  END;
  CREATE TRIGGER image_manifest_changed AFTER UPDATE OF manifest_digest ON image BEGIN
    UPDATE image SET (manifest_type, manifest_size) =
      (SELECT media_type, length(body) FROM document WHERE digest = NEW.manifest_digest)
    WHERE id = NEW.id;
  END;
  UPDATE image SET (manifest_type, manifest_size) =
    (SELECT media_type, length(body) FROM document WHERE digest = manifest_digest);
  -- Who holds a layer is read from the index alone.
  CREATE INDEX image_layer_holder ON image_layer(layer_key, image_id);
  DROP INDEX image_layer_key;
  `,
  `
  -- Steps of builds: what an operation on an image (with the content it uses) made. Goes with its result.
  CREATE TABLE build_step (
    key TEXT PRIMARY KEY, image_id TEXT NOT NULL REFERENCES image(id) ON DELETE CASCADE, parent_id TEXT NOT NULL,
    description TEXT NOT NULL, kind TEXT NOT NULL, size INTEGER NOT NULL, created_at INTEGER NOT NULL,
    last_used_at INTEGER NOT NULL, uses INTEGER NOT NULL DEFAULT 0
  ) STRICT;
  CREATE INDEX build_step_image ON build_step(image_id);
  -- Containers of steps, by name: their row is there before they are.
  CREATE TABLE build_container (name TEXT PRIMARY KEY) STRICT;
  -- Directories of RUN --mount=type=cache: build-mounts/KEY.
  CREATE TABLE build_mount (
    key TEXT PRIMARY KEY, id TEXT NOT NULL, created_at INTEGER NOT NULL, last_used_at INTEGER NOT NULL,
    uses INTEGER NOT NULL DEFAULT 0
  ) STRICT;
  `,
  `
  -- What servers said of files that builds fetched, to ask whether they are still the same.
  CREATE TABLE build_download (
    url_digest TEXT PRIMARY KEY, etag TEXT NOT NULL, modified TEXT NOT NULL, name TEXT NOT NULL,
    digest TEXT NOT NULL, used_at INTEGER NOT NULL
  ) STRICT;
  `,
  `
  -- Directories of clients that build, kept for the next time: build-contexts/ID. An empty listing: it changes.
  CREATE TABLE build_context (
    id TEXT PRIMARY KEY, key TEXT NOT NULL, client TEXT NOT NULL, listing TEXT NOT NULL, size INTEGER NOT NULL,
    last_used_at INTEGER NOT NULL, boot_id TEXT NOT NULL, durable INTEGER NOT NULL
  ) STRICT;
  `,
  `
  ALTER TABLE build_context ADD COLUMN created_at INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE build_context ADD COLUMN uses INTEGER NOT NULL DEFAULT 0;
  `,
  `
  -- Builds that ran: a bounded number of the newest. No secrets, no values of arguments.
  CREATE TABLE build_history (
    id TEXT PRIMARY KEY, created_at INTEGER NOT NULL, record_json TEXT NOT NULL
  ) STRICT;
  `,
]
