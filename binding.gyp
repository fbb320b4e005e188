{
  "targets": [
    {
      "target_name": "kernel",
      "sources": [
        "addon/kernel/binding.cc",
        "addon/kernel/async.cc",
        "addon/kernel/fd_watch.cc",
        "addon/kernel/spawn.cc",
        "addon/kernel/process.cc",
        "addon/kernel/open_in.cc",
        "addon/kernel/overlay.cc",
        "addon/kernel/tree.cc",
        "addon/kernel/tree_copy.cc",
        "addon/kernel/rootfs.cc",
        "addon/kernel/extractor.cc",
        "addon/kernel/layer_close.cc",
        "addon/kernel/net.cc",
        "addon/kernel/netlink.cc",
        "addon/kernel/link.cc",
        "addon/kernel/link-list.cc",
        "addon/kernel/conntrack.cc",
        "addon/kernel/port-socket.cc",
        "addon/kernel/nft.cc",
        "addon/kernel/seccomp_compile.cc",
        "addon/kernel/device_program.cc",
        "addon/kernel/policy.cc"
      ],
      "include_dirs": ["<!(node -p \"require('node-addon-api').include_dir\")", "addon"],
      "defines": ["NAPI_VERSION=9", "NODE_ADDON_API_DISABLE_DEPRECATED", "NAPI_DISABLE_CPP_EXCEPTIONS", "_GNU_SOURCE"],
      "cflags_cc!": ["-std=gnu++17", "-std=gnu++20"],
      "cflags_cc": ["-std=c++20", "-fno-exceptions", "-Wall", "-Wextra", "-Werror", "-Wno-missing-field-initializers", "-O2"],
      "libraries": ["-ldl", "-lpthread"]
    },
    {
      "target_name": "tdocker-shim",
      "type": "executable",
      "sources": [
        "addon/shim/client.cc",
        "addon/shim/control.cc",
        "addon/shim/copy-up.cc",
        "addon/shim/escape.cc",
        "addon/shim/exit.cc",
        "addon/shim/launch.cc",
        "addon/shim/log.cc",
        "addon/shim/loop.cc",
        "addon/shim/main.cc",
        "addon/shim/masks.cc",
        "addon/shim/mounts.cc",
        "addon/shim/namespaces.cc",
        "addon/shim/notify.cc",
        "addon/shim/paths.cc",
        "addon/shim/plan.cc",
        "addon/shim/privileges.cc",
        "addon/shim/process.cc",
        "addon/shim/root.cc",
        "addon/shim/steps.cc",
        "addon/shim/tty.cc"
      ],
      "include_dirs": ["addon"],
      "defines": ["_GNU_SOURCE"],
      "cflags_cc!": ["-std=gnu++17", "-std=gnu++20"],
      "cflags_cc": ["-std=c++20", "-fno-exceptions", "-fno-rtti", "-Wall", "-Wextra", "-Werror", "-Wno-missing-field-initializers", "-Os"],
      "ldflags": ["-static", "-s"],
      "ldflags!": ["-rdynamic"]
    }
  ]
}
