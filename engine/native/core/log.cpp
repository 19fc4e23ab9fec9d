#include "log.h"
#include "ggml.h"
#include "llama.h"
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <mutex>

namespace {

std::mutex mutex;
std::deque<std::string> lines;
std::string error;
ggml_log_level lastLevel = GGML_LOG_LEVEL_NONE;

void onLog(ggml_log_level level, const char * text, void *) {
    static const bool echo = std::getenv("BRAID_LOG") != nullptr;
    if (echo) fputs(text, stderr);
    std::lock_guard<std::mutex> lock(mutex);
    const bool more = level == GGML_LOG_LEVEL_CONT;
    if (!more) lastLevel = level;
    std::string line(text);
    while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) line.pop_back();
    if (line.empty() || line == ".") return;
    if (lastLevel == GGML_LOG_LEVEL_ERROR && !more) {
        // The first error names the cause; later ones say that loading failed.
        if (error.empty()) error = line;
    }
    lines.push_back(line.substr(0, 400));
    if (lines.size() > 256) lines.pop_front();
}

// ggml gives up and ends the process: its last words are one line, with the cause that was logged before.
void onAbort(const char * message) {
    const std::string cause = engineLog::lastError();
    fprintf(stderr, "%s%s%s\n", message, cause.empty() ? "" : ": ", cause.c_str());
}

} // namespace

void engineLog::install() {
    ggml_set_abort_callback(onAbort);
    llama_log_set(onLog, nullptr);
    ggml_log_set(onLog, nullptr);
}

void engineLog::clear() {
    std::lock_guard<std::mutex> lock(mutex);
    lines.clear();
    error.clear();
}

std::string engineLog::lastError() {
    std::lock_guard<std::mutex> lock(mutex);
    const size_t colon = error.find(": ");
    return colon == std::string::npos ? error : error.substr(colon + 2);
}

bool engineLog::saw(const char * needle) {
    std::lock_guard<std::mutex> lock(mutex);
    for (const std::string & line : lines)
        if (line.find(needle) != std::string::npos) return true;
    return false;
}
