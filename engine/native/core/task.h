// Work on a context that is done between two steps: a copy, a prefill, the start of a stream.
#pragma once
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

// A loop calls all methods on its own thread.
class Task {
public:
    // Listed among `sequences` by tasks that use the context's scratch sequences.
    static constexpr int32_t SCRATCH = -2;
    // As `changes`: the task changes every sequence.
    static constexpr int32_t EVERY = -3;

    // `changes`: the sequence that it changes, in which no stream may decode; -1: none.
    explicit Task(std::vector<int32_t> sequences, int32_t changes = -1)
        : sequences(std::move(sequences))
        , changes(changes) {}
    Task(const Task &) = delete;
    virtual ~Task() = default;

    // The sequences that it reads or changes: it waits for earlier tasks on them.
    const std::vector<int32_t> sequences;
    const int32_t changes;

    // Returns whether it computes: only one such task works in a turn, and it may take several turns.
    virtual bool computes() const { return false; }
    // Returns whether it shall end now, whatever it waits for.
    virtual bool cancelled() const { return false; }
    // Works for one turn, on at most `most` tokens. Returns true once it is over; an exception ends it, too.
    virtual bool advance(size_t most) = 0;
    // Returns how many tokens the last `advance` computed.
    virtual size_t computed() const { return 0; }
    // Called once, when it is over. `error` is what `advance` threw, or null.
    virtual void finish(std::exception_ptr error) = 0;
};

// A task that is done at once.
class Job : public Task {
public:
    Job(std::vector<int32_t> sequences, int32_t changes, std::function<void()> work,
        std::function<void(std::exception_ptr)> done)
        : Task(std::move(sequences), changes)
        , work(std::move(work))
        , done(std::move(done)) {}
    bool advance(size_t) override {
        work();
        return true;
    }
    void finish(std::exception_ptr error) override {
        if (done) done(error);
    }

private:
    const std::function<void()> work;
    const std::function<void(std::exception_ptr)> done;
};
