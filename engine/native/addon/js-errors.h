// Turns the core's failures into JavaScript errors with a code.
#pragma once
#include "../core/errors.h"
#include <napi.h>
#include <new>
#include <optional>

// A failure that can be carried from one thread to another.
struct Failure {
    std::string code, message;

    Napi::Error toJs(Napi::Env env) const {
        Napi::Error error = Napi::Error::New(env, message);
        error.Value().Set("code", Napi::String::New(env, code));
        return error;
    }
};

// Runs `body` and returns the failure that it threw, if any. JavaScript errors are not caught.
template <typename Body>
std::optional<Failure> failureOf(Body && body) {
    try {
        body();
        return std::nullopt;
    } catch (const Napi::Error &) {
        throw;
    } catch (...) {
        const CodedError e = codedError(std::current_exception());
        return Failure{e.code, e.what()};
    }
}

inline std::optional<Failure> failureIn(const std::exception_ptr & error) {
    if (!error) return std::nullopt;
    const CodedError e = codedError(error);
    return Failure{e.code, e.what()};
}

// Runs the body of a method that JavaScript calls; C++ exceptions become JavaScript errors with a code.
template <typename Body>
Napi::Value guarded(Napi::Env env, Body && body) {
    Napi::Value value;
    if (const auto failure = failureOf([&] { value = body(); })) throw failure->toJs(env);
    return value;
}
