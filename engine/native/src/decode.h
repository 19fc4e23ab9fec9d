// The decode loop: one batch a step over all live streams; JavaScript is told in batches and never waited for.
#pragma once
#include "context.h"
#include "stream.h"
#include "worker.h"
#include <atomic>
#include <chrono>
#include <list>
#include <mutex>

struct DecodeCommand {
    enum Kind { STOP, EXTEND, ADD, REMOVE } kind;
    int32_t id = 0, value = 0;
    const char * reason = nullptr;
    std::shared_ptr<StreamParams> stream;
    explicit DecodeCommand(Kind kind)
        : kind(kind) {}
};

struct StreamEnd {
    int32_t id;
    std::string reason, code, message;
};

struct DecodeReport {
    std::vector<std::pair<int32_t, std::vector<TokenRecord>>> tokens;
    std::vector<StreamEnd> ended;
    bool empty() const { return tokens.empty() && ended.empty(); }
};

class Decode {
public:
    std::shared_ptr<ContextState>
        context; // null once the decode is over and JavaScript's thread knows
    std::vector<std::shared_ptr<StreamParams>> initial;
    int32_t finish = 0;
    int64_t cells = 0;
    Measure measure{true, 0};
    JsCallback onBatch;
    uint64_t number = 0;
    std::atomic<bool> cancelled{false};

    int64_t steps = 0;
    double ms = 0, firstTokenMs = 0;

    // false: the decode is over.
    bool send(DecodeCommand command) {
        std::lock_guard<std::mutex> lock(mutex);
        if (over) return false;
        commands.push_back(std::move(command));
        return true;
    }

    void run();

    // Once run() has returned, on JavaScript's thread: lets go of the context and the callback.
    void release() {
        context.reset();
        onBatch.reset();
        initial.clear();
        streams.clear();
        scans.clear();
    }

private:
    std::mutex mutex;
    std::vector<DecodeCommand> commands; // under mutex
    bool over = false;                   // under mutex

    // The loop's own.
    std::list<Stream> streams;
    DecodeReport report;
    std::chrono::steady_clock::time_point started, lastReport;
    std::vector<LogitScan> scans;

    int vocabSize() const { return context->model->vocabSize; }
    bool stopping() const { return cancelled || context->stopping(); }
    Stream * live(int32_t id);
    void add(const StreamParams & params);
    void obey(const DecodeCommand & command);
    bool obeyAll(bool closeIfIdle);
    void end(Stream & s, const char * reason, const std::string & code = "",
             const std::string & message = "");
    void choose(Stream & s);
    void chooseAll();
    void shedOne();
    void shedFor(int64_t cellsLeft);
    void keepRows();
    void read(Stream & s);
    void spend(Stream & s, int64_t count);
    bool step(Batch & batch);
    void commit(Stream & s);
    void cutGroups();
    void tell(bool now);
};

// decode-js.cpp: reads the options of a decode, starts it, and gives JavaScript its handle.
Napi::Value startDecode(Napi::Env env, const std::shared_ptr<ContextState> & context,
                        const Napi::Object & options);
Napi::Object toJs(Napi::Env env, const DecodeReport & report);
