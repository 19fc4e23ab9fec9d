// Coded errors: every failure that leaves the addon carries a code of engine/protocol/errors.ts.
#pragma once
#include "../core/error.h"
#include <napi.h>

inline Napi::Error toJsError(Napi::Env env, const std::string & code, const std::string & message) {
    Napi::Error error = Napi::Error::New(env, message);
    error.Value().Set("code", Napi::String::New(env, code));
    return error;
}

// Runs a method body; whatever C++ throws reaches JavaScript as an error with a code.
template <typename Body>
auto guarded(Napi::Env env, Body && body) -> decltype(body()) {
    try {
        return body();
    } catch (const Napi::Error &) {
        throw;
    } catch (const CodedError & e) {
        throw toJsError(env, e.code, e.what());
    } catch (const std::bad_alloc &) {
        throw toJsError(env, "out-of-memory", "Not enough memory");
    } catch (const std::exception & e) {
        throw toJsError(env, "internal", e.what());
    }
}
