// The only exception that leaves the core, except std::bad_alloc.
#pragma once
#include <exception>
#include <new>
#include <stdexcept>
#include <string>

// `code` is one of engine/protocol/errors.ts; the message is a sentence for the user.
struct CodedError : std::runtime_error {
    std::string code;
    CodedError(std::string code, const std::string & message)
        : std::runtime_error(message)
        , code(std::move(code)) {}
};

// Returns what an exception says, with a code.
inline CodedError codedError(const std::exception_ptr & error) {
    try {
        std::rethrow_exception(error);
    } catch (const CodedError & e) {
        return e;
    } catch (const std::bad_alloc &) {
        return {"out-of-memory", "Not enough memory"};
    } catch (const std::exception & e) {
        return {"internal", e.what()};
    } catch (...) {
        return {"internal", "An unknown failure in native code"};
    }
}

// Checks a precondition; throws a CodedError unless it holds.
inline void require(bool holds, const char * code, const char * message) {
    if (!holds) throw CodedError(code, message);
}
inline void require(bool holds, const char * code, const std::string & message) {
    require(holds, code, message.c_str());
}
