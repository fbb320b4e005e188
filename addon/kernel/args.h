#pragma once
// Reads arguments that load-native.ts has checked.
#include <napi.h>

#include <string>
#include <vector>

inline bool Has(const Napi::Object& o, const char* key) { return !o.Get(key).IsUndefined(); }

inline int Int(const Napi::Object& o, const char* key, int fallback = -1) {
  Napi::Value value = o.Get(key);
  return value.IsNumber() ? value.As<Napi::Number>().Int32Value() : fallback;
}

inline int64_t Int64(const Napi::Object& o, const char* key, int64_t fallback = -1) {
  Napi::Value value = o.Get(key);
  return value.IsNumber() ? value.As<Napi::Number>().Int64Value() : fallback;
}

inline bool Bool(const Napi::Object& o, const char* key) {
  Napi::Value value = o.Get(key);
  return value.IsBoolean() && value.As<Napi::Boolean>().Value();
}

inline std::string Str(const Napi::Object& o, const char* key) {
  Napi::Value value = o.Get(key);
  return value.IsString() ? value.As<Napi::String>().Utf8Value() : std::string();
}

inline std::string Bytes(const Napi::Object& o, const char* key) {
  auto array = o.Get(key).As<Napi::Uint8Array>();
  return std::string(reinterpret_cast<const char*>(array.Data()), array.ByteLength());
}

inline std::vector<std::string> Strings(const Napi::Object& o, const char* key) {
  std::vector<std::string> result;
  auto array = o.Get(key).As<Napi::Array>();
  for (uint32_t i = 0; i < array.Length(); i++) {
    result.push_back(array.Get(i).As<Napi::String>().Utf8Value());
  }
  return result;
}

// Names are bytes, not always text: as strings of one character for each byte.
inline Napi::String ByteString(Napi::Env env, const std::string& bytes) {
  napi_value value = nullptr;
  napi_create_string_latin1(env, bytes.data(), bytes.size(), &value);
  return Napi::String(env, value);
}

inline std::string BytesOf(const Napi::Value& value) {
  size_t size = 0;
  napi_get_value_string_latin1(value.Env(), value, nullptr, 0, &size);
  std::string bytes(size + 1, '\0');
  napi_get_value_string_latin1(value.Env(), value, bytes.data(), bytes.size(), &size);
  bytes.resize(size);
  return bytes;
}

inline std::vector<int> Ints(const Napi::Object& o, const char* key) {
  std::vector<int> result;
  if (!Has(o, key)) return result;
  auto array = o.Get(key).As<Napi::Array>();
  for (uint32_t i = 0; i < array.Length(); i++) {
    result.push_back(array.Get(i).As<Napi::Number>().Int32Value());
  }
  return result;
}

inline int IntArg(const Napi::CallbackInfo& info, size_t index) {
  return info[index].As<Napi::Number>().Int32Value();
}

inline std::string StrArg(const Napi::CallbackInfo& info, size_t index) {
  return info[index].As<Napi::String>().Utf8Value();
}
