// Validated reads of JavaScript values. A number out of range is a coded error that names the field and the range.
#pragma once
#include "../core/errors.h"
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <napi.h>
#include <optional>
#include <vector>

namespace args {

inline Napi::Object object(const Napi::CallbackInfo & info, size_t i) {
    if (info.Length() <= i || !info[i].IsObject())
        throw CodedError("bad-request", "an options object is expected");
    return info[i].As<Napi::Object>();
}

// Returns nullopt if the field is absent.
inline std::optional<Napi::Object> object(const Napi::Object & o, const char * name) {
    const Napi::Value value = o.Get(name);
    if (value.IsUndefined()) return std::nullopt;
    if (!value.IsObject())
        throw CodedError("bad-request", std::string(name) + " must be an object");
    return value.As<Napi::Object>();
}

inline Napi::Array array(const Napi::Value & value, const char * name) {
    if (!value.IsArray()) throw CodedError("bad-request", std::string(name) + " must be an array");
    return value.As<Napi::Array>();
}

inline double number(const Napi::Value & value, const char * name, double min, double max) {
    if (!value.IsNumber())
        throw CodedError("out-of-range", std::string(name) + " must be a number");
    const double x = value.As<Napi::Number>().DoubleValue();
    if (!(x >= min && x <= max)) {
        char text[192];
        snprintf(text, sizeof text, "%s must be between %g and %g, got %g", name, min, max, x);
        throw CodedError("out-of-range", text);
    }
    return x;
}

inline double real(const Napi::Object & o, const char * name, double min, double max) {
    return number(o.Get(name), name, min, max);
}

inline int64_t whole(const Napi::Value & value, const char * name, int64_t min, int64_t max) {
    const double x = number(value, name, (double) min, (double) max);
    if (x != std::floor(x))
        throw CodedError("out-of-range", std::string(name) + " must be a whole number");
    return (int64_t) x;
}

inline int64_t whole(const Napi::Object & o, const char * name, int64_t min, int64_t max) {
    return whole(o.Get(name), name, min, max);
}

inline int64_t whole(const Napi::Object & o, const char * name, int64_t min, int64_t max,
                     int64_t absent) {
    const Napi::Value value = o.Get(name);
    return value.IsUndefined() ? absent : whole(value, name, min, max);
}

inline bool flag(const Napi::Object & o, const char * name) {
    const Napi::Value value = o.Get(name);
    if (value.IsUndefined()) return false;
    if (!value.IsBoolean())
        throw CodedError("bad-request", std::string(name) + " must be true or false");
    return value.As<Napi::Boolean>().Value();
}

inline bool flag(const Napi::Object & o, const char * name, bool absent) {
    return o.Get(name).IsUndefined() ? absent : flag(o, name);
}

inline std::string text(const Napi::Value & value, const char * name) {
    if (!value.IsString()) throw CodedError("bad-request", std::string(name) + " must be a string");
    return value.As<Napi::String>().Utf8Value();
}

inline std::string text(const Napi::Object & o, const char * name) {
    return text(o.Get(name), name);
}

inline std::string path(const Napi::Value & value, const char * name) {
    const std::string file = text(value, name);
    if (file.find('\0') != std::string::npos)
        throw CodedError("bad-path", "A file name cannot hold a NUL character");
    return file;
}

// Reads an array of strings; empty if the field is absent.
inline std::vector<std::string> texts(const Napi::Object & o, const char * name) {
    std::vector<std::string> all;
    if (o.Get(name).IsUndefined()) return all;
    const Napi::Array list = array(o.Get(name), name);
    for (uint32_t i = 0; i < list.Length(); i++) all.push_back(text(list.Get(i), name));
    return all;
}

inline Napi::Function function(const Napi::Object & o, const char * name) {
    const Napi::Value value = o.Get(name);
    if (!value.IsFunction())
        throw CodedError("bad-request", std::string(name) + " must be a function");
    return value.As<Napi::Function>();
}

// Reads token ids from an array or an Int32Array; each must be below `vocab`.
inline std::vector<int32_t> tokens(const Napi::Value & value, const char * name, int32_t vocab) {
    std::vector<int32_t> ids;
    if (value.IsUndefined()) return ids;
    if (value.IsTypedArray() && value.As<Napi::TypedArray>().TypedArrayType() == napi_int32_array) {
        const auto array = value.As<Napi::Int32Array>();
        ids.assign(array.Data(), array.Data() + array.ElementLength());
        for (int32_t id : ids)
            if (id < 0 || id >= vocab)
                throw CodedError("out-of-range",
                                 std::string(name) + " holds an id outside the vocabulary");
        return ids;
    }
    const Napi::Array list = array(value, name);
    ids.reserve(list.Length());
    for (uint32_t i = 0; i < list.Length(); i++)
        ids.push_back((int32_t) whole(list.Get(i), name, 0, vocab - 1));
    return ids;
}

} // namespace args
