#include "log.h"
#include "ggml.h"
#include "llama.h"
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <mutex>
#include <utility>

namespace {

// llama.cpp has one log handler per process and calls it on the thread that logs. Each thread collects its own lines,
// so that a failed operation never quotes an error of another one that runs at the same time.
struct Collected {
    std::deque<std::string> lines;
    std::string error;
};

// Created by `clear`; other threads collect nothing. A plain pointer can still be read after its owner is destroyed:
// libraries may log while the thread or the process ends.
thread_local Collected * collected = nullptr;
struct Owner {
    ~Owner() { delete std::exchange(collected, nullptr); }
};

// The last error of any thread, because ggml may abort on one of its own threads that has logged nothing.
std::mutex mutex;
std::string lastAnywhere;

std::string withoutFunction(const std::string & line) {
    const size_t colon = line.find(": ");
    return colon == std::string::npos ? line : line.substr(colon + 2);
}

void onLog(ggml_log_level level, const char * text, void *) {
    static const bool echo = std::getenv("BRAID_LOG") != nullptr;
    if (echo) fputs(text, stderr);
    std::string line(text);
    while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) line.pop_back();
    if (line.empty() || line == ".") return;
    if (level == GGML_LOG_LEVEL_ERROR) {
        // The first error names the cause; later ones only say that loading failed.
        if (collected && collected->error.empty()) collected->error = line;
        std::lock_guard<std::mutex> lock(mutex);
        lastAnywhere = collected ? collected->error : line;
    }
    if (!collected) return;
    collected->lines.push_back(line.substr(0, 400));
    if (collected->lines.size() > 256) collected->lines.pop_front();
}

// Called before ggml aborts the process: prints one line, with the cause that was logged before.
void onAbort(const char * message) {
    std::string cause = engineLog::lastError();
    if (cause.empty()) {
        std::lock_guard<std::mutex> lock(mutex);
        cause = withoutFunction(lastAnywhere);
    }
    fprintf(stderr, "%s%s%s\n", message, cause.empty() ? "" : ": ", cause.c_str());
}

} // namespace

void engineLog::install() {
    ggml_set_abort_callback(onAbort);
    llama_log_set(onLog, nullptr);
    ggml_log_set(onLog, nullptr);
}

void engineLog::clear() {
    static thread_local Owner owner; // destroyed with the thread
    if (!collected) collected = new Collected;
    collected->lines.clear();
    collected->error.clear();
}

std::string engineLog::lastError() {
    return collected ? withoutFunction(collected->error) : "";
}

bool engineLog::saw(const char * needle) {
    if (!collected) return false;
    for (const std::string & line : collected->lines)
        if (line.find(needle) != std::string::npos) return true;
    return false;
}
