#include "engine.h"
#include "llama.h"
#include "log.h"
#include <mutex>

void engine::start() {
    static std::once_flag once; // the log handler and the backends are per process
    std::call_once(once, [] {
        engineLog::install();
        llama_backend_init();
    });
}

std::string engine::llamaVersion() {
    return llama_version();
}

std::string engine::ggmlVersion() {
    return ggml_version();
}
