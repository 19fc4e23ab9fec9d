// Coded errors: every failure carries a code of engine/protocol/errors.ts.
#pragma once
#include <stdexcept>
#include <string>

struct CodedError : std::runtime_error {
    std::string code;
    CodedError(std::string code, const std::string & message)
        : std::runtime_error(message)
        , code(std::move(code)) {}
};
