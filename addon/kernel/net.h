#pragma once
#include <napi.h>

// The parts of the network subject, each in its own file.
void InitLink(Napi::Env env, Napi::Object exports);
void InitSublink(Napi::Env env, Napi::Object exports);
void InitLinkList(Napi::Env env, Napi::Object exports);
void InitConntrack(Napi::Env env, Napi::Object exports);
void InitNftMonitor(Napi::Env env, Napi::Object exports);
void InitLegacyTable(Napi::Env env, Napi::Object exports);
void InitPortSocket(Napi::Env env, Napi::Object exports);
