// All work on a context, in turns: each turn does what was asked for since the last one, at most one chunk of a
// prefill, and one step with one token of every live stream of every decode.
#pragma once
#include "decode.h"
#include "pace.h"
#include "task.h"
#include <atomic>
#include <mutex>

class Batch;

// How many loops have live streams: prefills of any of them then go in small chunks.
using Streaming = std::shared_ptr<std::atomic<int32_t>>;

class Loop {
public:
    // `onWork` is called on any thread when there is something to do: `turn` must then be called until it returns
    // false. Loops that take turns on one thread share `streaming`.
    explicit Loop(std::shared_ptr<Context> context, std::function<void()> onWork = nullptr,
                  Streaming streaming = std::make_shared<std::atomic<int32_t>>(0));
    Loop(const Loop &) = delete;
    ~Loop();

    // Any thread may call these. What is posted takes effect at the next turn, in order.
    void post(std::function<void()> order);
    void begin(std::shared_ptr<Decode> decode);
    void run(std::shared_ptr<Task> task);
    // Does what can be done now that a stop flag was raised.
    void wake();
    // Null once the context is released.
    const std::shared_ptr<Context> & context() const { return held; }

    // The rest must be called on one thread at a time.
    // Takes a turn; returns whether there is more to do without being woken.
    bool turn();
    // Releases the context after everything has been done or cancelled.
    void release();
    // Returns whether a stream decodes in a sequence, which nothing else may change.
    bool decodesIn(int32_t seq) const;
    // Returns whether a stream decodes in a sequence or has yet to share cells of it.
    bool reads(int32_t seq) const;
    void enqueue(std::shared_ptr<Task> task) { tasks.push_back(std::move(task)); }

private:
    struct Entry {
        Decode * decode;
        Stream * stream;
    };

    std::shared_ptr<Context> held;
    const std::function<void()> onWork;
    const Streaming streaming;
    bool streams = false; // counted in `streaming`

    std::mutex mutex;
    std::vector<std::function<void()>> orders; // under mutex

    // Used only in a turn.
    std::list<std::shared_ptr<Decode>> decodes;
    std::list<std::shared_ptr<Task>> tasks;
    Pace pace;
    std::unique_ptr<Batch> batch;
    std::shared_ptr<Task> filling; // the task of the last chunk, if it is not over

    void obey();
    std::vector<Entry> choose();
    void serve(const std::vector<Entry> & entries);
    bool advance(const std::shared_ptr<Task> & task, const std::vector<Entry> & entries);
    static void forgetRows(const std::vector<Entry> & entries);
    void step(const std::vector<Entry> & entries);
    void compute(std::vector<Entry> entries, bool keep);
    bool makeRoom(const std::vector<Entry> & entries);
    bool report();
    void countStreaming(bool now);
    void fail(std::exception_ptr error);
};
