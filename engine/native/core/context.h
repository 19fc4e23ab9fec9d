// A llama.cpp context with a unified KV cache: sequences share cells, so forks and joins copy no memory.
#pragma once
#include "memory.h"
#include "model.h"
#include <map>
#include <mutex>
#include <utility>
#include <vector>

class AttentionSums;
class Batch;
class Crowd;
class Threads;
struct llama_context;
struct llama_context_params;
struct llama_memory_i;

// See ContextOptions of types.ts.
struct ContextParams {
    int32_t cells, sequences;
    int32_t batch = 512;
    int32_t threads = 0;
    std::string kvType, flashAttention;
    bool swaFull = true;
    bool attention = false;
    bool paced = true;
    double yarnFactor = 0; // 0: no YaRN
    int32_t yarnOriginalContext = 0;
};

struct ContextInfo {
    int32_t cells, threads;
    bool flashAttention;
    bool canShift;                               // see Context::move
    bool lost;                                   // see Context::applyMoves
    std::vector<DeviceMemory> devices;           // the CPU first
    uint64_t weightBytes, kvBytes, computeBytes; // over all devices
};

enum class Step { DONE, NO_CELLS, ABORTED, FAILED };

// Only one thread at a time may use a context; any thread may read its constants and call `info`.
class Context {
public:
    static constexpr int32_t MAX_CELLS = 1 << 28, MAX_BATCH = 8192, MAX_THREADS = 512;
    static constexpr int32_t SCRATCH = 2; // sequences that only copies use, beyond `sequences`
    static int32_t maxSequences();

    // Validates parameters without allocating anything. Errors: bad-combination, out-of-range.
    static void check(const Model & model, const ContextParams & params);
    // `leaving` is raised when the process or the environment ends. Errors: those of `check`, out-of-memory.
    Context(std::shared_ptr<const Model> model, const ContextParams & params,
            std::shared_ptr<const StopFlag> leaving);
    Context(const Context &) = delete;
    ~Context();

    const std::shared_ptr<const Model> model;
    const int32_t sequences;
    const int32_t outputs; // rows of logits per step
    const bool paced;      // prefills go in small chunks beside streams

    // Returns the info as of the last operation that ended. May be called on any thread.
    ContextInfo info() const;
    // Updates what `info` returns; called when an operation ends.
    void refreshInfo();

    // Returns the most tokens of a step: as asked for, but no more than the context has cells.
    int32_t batchSize() const;

    // Errors: out-of-range, naming `name`, if the context has no such sequence.
    void requireSequence(int32_t seq, const char * name) const;
    int32_t lastPosition(int32_t seq) const;
    // Sets a sequence's thought embedding. Errors: out-of-range if the model's thought tables have no such row.
    void setThought(int32_t seq, int32_t row);
    // Lets `to` also see the cells of `from` at positions from `start` to below `end`; -1: all. Errors: cannot-join,
    // decode-failed once the context is lost.
    void copy(int32_t from, int32_t to, int32_t end, int32_t start = 0);
    // Removes all cells and forgets where the last ones were.
    void clear();
    // Removes positions `from` and above. Errors: cannot-join.
    void remove(int32_t seq, int32_t from);
    // Removes what a failed step may have left at positions `from` and above, if the model's memory supports it.
    void takeBack(int32_t seq, int32_t from);
    // Lets `seq` use the cell of `from` at `position` instead of its own; returns false if the memory cannot do that.
    bool shareCell(int32_t from, int32_t seq, int32_t position);

    // Moves positions `start` and above of a sequence by `delta`. Errors: those of `move` and `applyMoves`.
    void shift(int32_t seq, int32_t start, int32_t delta);
    // Appends to `to` a copy of the cells of `from` at positions `start` and above, moved by `delta`. `to` also gets the
    // tail. Errors: those of `copyRange` and `applyMoves`; internal if the copy would not follow the last position.
    void copyMoved(int32_t from, int32_t to, int32_t start, int32_t delta);

    // The steps of the above; a Join uses them too. Moved cells keep their old K until `applyMoves`, which makes one
    // K-shift for all; nothing may be computed before.
    //
    // Throws unless the cells of `seq` at positions from `start` to below `end` can be moved by `delta`. Errors:
    // cannot-join if the context cannot shift; internal if some of them do not exist or another sequence holds one, if
    // other cells of `seq` are in the way, or if K is quantised: each trip would lose precision.
    void requireMovable(int32_t seq, int32_t start, int32_t end, int32_t delta) const;
    void move(int32_t seq, int32_t start, int32_t end, int32_t delta);
    // Copies those cells into a scratch sequence, moved by `delta`. Errors: cannot-join; internal if some do not exist;
    // out-of-cells.
    void copyRange(int32_t from, int32_t start, int32_t end, int32_t delta);
    // Errors: decode-failed. K is then partly rotated: the context is lost, and only removals and `info` still work.
    void applyMoves();
    // Lets `seq` see the copies at positions from `start` to below `end`.
    void shareCopies(int32_t seq, int32_t start, int32_t end);
    void dropCopies();

    // Returns the logits after a sequence's last token, kept when a prefill or a stream ended; null if there are none.
    std::shared_ptr<std::vector<float>> tail(int32_t seq) const;
    // Keeps a row of logits (one per vocabulary entry) as the tail; null removes the tail.
    void keepTail(int32_t seq, const float * logits);

    // Sets the number of threads; 0: the default of `params`. `yields`: gives threads up while other programs use their
    // processors (crowd.h), which may change results by rounding.
    void setThreads(int32_t count, bool yields);
    // Returns the number of threads if other programs use the processors of some, once each time it changes; else 0.
    int32_t crowded() { return std::exchange(crowdedThreads, 0); }

    // Computes one batch of at most `batchSize` tokens and `outputs` rows of logits; llama.cpp would abort the process for
    // more. Errors: internal. llama.cpp's abort callback can only end a whole batch, so it aborts only for a process or an
    // environment that ends, and for `owner`, the stop flag of the operation that owns all tokens of the batch. Other
    // requests to stop wait for the end of the step. `owner` must be null if several runs share the batch or if a
    // K-shift is pending: llama.cpp shifts within the next step, and aborting that step would leave K partly rotated.
    // Fails once the context is lost.
    Step compute(const Batch & batch, const StopFlag * owner);
    // Returns the logits after the i-th token of the last batch, valid until the next one; null if there are none.
    float * logits(int32_t i) const;

    Threads & threads() const { return *pool; }
    // Null unless the context was created with `attention`.
    AttentionSums * attention() const { return observed.get(); }

private:
    Context(std::shared_ptr<const Model> model, llama_context_params params, bool paced,
            std::shared_ptr<const StopFlag> leaving, std::unique_ptr<AttentionSums> observed);
    llama_memory_i * memory() const;
    void computeOn(int32_t threads);
    bool onlyCpu() const;
    int32_t holder() const { return sequences; } // the scratch sequence with the finished copies
    void requireUsable() const;
    bool shiftsExactly();
    const char * cannotJoin() const;

    const bool quantised, swaFull;
    const std::shared_ptr<const StopFlag> leaving;
    const StopFlag * owner = nullptr; // of the current step
    const std::unique_ptr<AttentionSums> observed;
    std::unique_ptr<Threads> pool;
    // Pools that ggml's CPU backend may still have: it pauses its last one when the next step hands it another.
    std::vector<std::unique_ptr<Threads>> replaced;
    std::unique_ptr<Crowd> crowd; // null: one thread, or a GPU computes, too
    int32_t crowdedThreads = 0;
    std::unique_ptr<llama_context, void (*)(llama_context *)>
        ctx; // after what it uses: destroyed first
    std::map<int32_t, std::shared_ptr<std::vector<float>>> tails;
    mutable std::mutex infoMutex;
    ContextInfo latest{}; // under infoMutex
};
