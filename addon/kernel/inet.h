#pragma once
#include <arpa/inet.h>
#include <netinet/in.h>

#include <cstdint>
#include <string>

// An IPv4 or IPv6 address with a prefix length, as text `10.0.0.1/16`.
struct InetPrefix {
  int family = AF_INET;
  unsigned char bytes[16] = {};
  uint8_t length = 0;

  size_t size() const { return family == AF_INET ? 4 : 16; }

  // Without `/length` the prefix is the whole address.
  static bool Parse(const std::string& text, InetPrefix* out) {
    size_t slash = text.find('/');
    std::string address = text.substr(0, slash);
    out->family = address.find(':') == std::string::npos ? AF_INET : AF_INET6;
    if (inet_pton(out->family, address.c_str(), out->bytes) != 1) return false;
    out->length = static_cast<uint8_t>(out->size() * 8);
    if (slash != std::string::npos) {
      out->length = static_cast<uint8_t>(std::strtoul(text.c_str() + slash + 1, nullptr, 10));
    }
    return out->length <= out->size() * 8;
  }

  static std::string Address(int family, const void* bytes) {
    char text[INET6_ADDRSTRLEN] = "";
    inet_ntop(family, bytes, text, sizeof text);
    return text;
  }
};
