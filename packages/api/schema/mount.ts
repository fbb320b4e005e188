import { Type, type Static } from 'typebox'

export const MountType = Type.String({ go: 'mount.Type' })
export type MountType = Static<typeof MountType>

export const Mount = Type.Object(
  {
    Target: Type.Optional(Type.String()),
    Source: Type.Optional(Type.String()),
    Type: Type.Optional(MountType),
    ReadOnly: Type.Optional(Type.Boolean()),
    Consistency: Type.Optional(Type.String({ go: 'mount.Consistency' })),
    BindOptions: Type.Optional(
      Type.Object(
        {
          Propagation: Type.Optional(Type.String({ go: 'mount.Propagation' })),
          NonRecursive: Type.Optional(Type.Boolean()),
          CreateMountpoint: Type.Optional(Type.Boolean()),
          ReadOnlyNonRecursive: Type.Optional(Type.Boolean()),
          ReadOnlyForceRecursive: Type.Optional(Type.Boolean()),
          /** Not Docker's: how ids of the source's files are seen, e.g. `uids=0-1000-1;gids=0-1000-1`. */
          IDMap: Type.Optional(Type.String()),
        },
        { go: 'mount.BindOptions' },
      ),
    ),
    VolumeOptions: Type.Optional(
      Type.Object(
        {
          NoCopy: Type.Optional(Type.Boolean()),
          Labels: Type.Optional(Type.Record(Type.String(), Type.String())),
          DriverConfig: Type.Optional(
            Type.Object(
              {
                Name: Type.Optional(Type.String()),
                Options: Type.Optional(Type.Record(Type.String(), Type.String())),
              },
              { go: 'mount.Driver' },
            ),
          ),
          Subpath: Type.Optional(Type.String()),
        },
        { go: 'mount.VolumeOptions' },
      ),
    ),
    ImageOptions: Type.Optional(
      Type.Object({ Subpath: Type.Optional(Type.String()) }, { go: 'mount.ImageOptions' }),
    ),
    TmpfsOptions: Type.Optional(
      Type.Object(
        {
          SizeBytes: Type.Optional(Type.Integer()),
          Mode: Type.Optional(Type.Integer({ go: 'uint32' })),
          Options: Type.Optional(Type.Array(Type.Array(Type.String()))),
        },
        { go: 'mount.TmpfsOptions' },
      ),
    ),
  },
  { go: 'mount.Mount' },
)
export type Mount = Static<typeof Mount>
