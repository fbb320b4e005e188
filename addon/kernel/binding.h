#pragma once
#include <napi.h>

void InitProcess(Napi::Env env, Napi::Object exports);
void InitRootfs(Napi::Env env, Napi::Object exports);
void InitExtractor(Napi::Env env, Napi::Object exports);
void InitLayerClose(Napi::Env env, Napi::Object exports);
void InitArchive(Napi::Env env, Napi::Object exports);
void InitDeflate(Napi::Env env, Napi::Object exports);
void InitDecompressor(Napi::Env env, Napi::Object exports);
void InitNet(Napi::Env env, Napi::Object exports);
void InitNft(Napi::Env env, Napi::Object exports);
void InitPolicy(Napi::Env env, Napi::Object exports);
void InitLogFrames(Napi::Env env, Napi::Object exports);
void InitDatagram(Napi::Env env, Napi::Object exports);
void InitDns(Napi::Env env, Napi::Object exports);
