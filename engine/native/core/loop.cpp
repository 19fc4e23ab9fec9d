#include "loop.h"
#include "batch.h"
#include "clock.h"
#include "context.h"
#include "log.h"
#include "stream.h"
#include "threads.h"
#include <algorithm>
#include <set>

Loop::Loop(std::shared_ptr<Context> context, std::function<void()> onWork, Streaming streaming)
    : held(std::move(context))
    , onWork(std::move(onWork))
    , streaming(std::move(streaming))
    , batch(std::make_unique<Batch>(held->sequences)) {}

Loop::~Loop() {
    countStreaming(false);
}

void Loop::post(std::function<void()> order) {
    {
        std::lock_guard<std::mutex> lock(mutex);
        orders.push_back(std::move(order));
    }
    wake();
}

void Loop::begin(std::shared_ptr<Decode> decode) {
    post([this, decode = std::move(decode)] {
        decodes.push_back(decode);
        decode->begin();
    });
}

void Loop::run(std::shared_ptr<Task> task) {
    post([this, task = std::move(task)] { enqueue(task); });
}

void Loop::wake() {
    if (onWork) onWork();
}

bool Loop::decodesIn(int32_t seq) const {
    return std::any_of(decodes.begin(), decodes.end(),
                       [&](const auto & decode) { return decode->decodesIn(seq); });
}

bool Loop::reads(int32_t seq) const {
    return std::any_of(decodes.begin(), decodes.end(),
                       [&](const auto & decode) { return decode->reads(seq); });
}

bool Loop::turn() {
    if (!held) return false;
    bool more = false;
    try {
        obey();
        const std::vector<Entry> entries = choose();
        more = !tasks.empty();
        serve(entries);
        step(entries);
        const bool active = report();
        countStreaming(active);
        more = more || active;
    } catch (...) {
        fail(std::current_exception());
    }
    std::lock_guard<std::mutex> lock(mutex);
    return more || !orders.empty();
}

// Reports what is due and closes decodes that are over; returns whether some go on with the next turn.
bool Loop::report() {
    bool more = false;
    for (auto at = decodes.begin(); at != decodes.end();) {
        Decode & decode = **at;
        decode.tell(!decode.active());
        if (decode.close()) {
            at = decodes.erase(at);
        } else {
            more = more || decode.active() || decode.stopping->raised();
            at++;
        }
    }
    return more;
}

void Loop::release() {
    countStreaming(false);
    held.reset();
}

void Loop::obey() {
    std::vector<std::function<void()>> now;
    {
        std::lock_guard<std::mutex> lock(mutex);
        now.swap(orders);
    }
    for (const auto & order : now) order();
    for (const auto & decode : decodes) decode->obeyStop();
}

// Chooses the next token of every stream that can go on, and returns those for which there is one.
std::vector<Loop::Entry> Loop::choose() {
    const int32_t vocab = held->model->vocabSize;
    std::vector<std::pair<Decode *, Choice>> all;
    std::vector<LogitRow> rows, means;
    for (const auto & decode : decodes) {
        decode->shed();
        for (Choice & choice : decode->choices()) {
            const bool sums = choice.merged() || decode->measureOf(choice.first()).any();
            for (Stream * s : choice.members)
                if (s->logits) rows.push_back({s->logits, &s->scan, sums});
            all.emplace_back(decode.get(), std::move(choice));
        }
    }
    scanLogits(held->threads(), rows, vocab);
    for (const auto & [decode, choice] : all) {
        if (!choice.merged()) continue;
        std::vector<LogitRow> members;
        for (Stream * s : choice.members)
            if (s->logits) members.push_back({s->logits, &s->scan, true});
        Stream & first = choice.first();
        first.mean.clear();
        if (members.size() < choice.members.size()) continue;
        meanLogProbs(held->threads(), members, vocab, first.mean);
        means.push_back({first.mean.data(), &first.meanScan, decode->measureOf(first).any()});
    }
    scanLogits(held->threads(), means, vocab);
    held->threads().each((int) all.size(), [&](int i) { all[i].first->choose(all[i].second); });
    std::vector<Entry> entries;
    for (const auto & [decode, choice] : all) {
        decode->settle(choice);
        for (Stream * s : choice.members)
            if (!s->ended) entries.push_back({decode, s});
    }
    return entries;
}

// Works on the tasks, in order: on each that no earlier one holds up, and on at most one that computes.
void Loop::serve(const std::vector<Entry> & entries) {
    std::set<int32_t> taken;
    bool computed = false;
    for (auto at = tasks.begin(); at != tasks.end();) {
        const std::shared_ptr<Task> task = *at;
        const bool blocked = std::any_of(task->sequences.begin(), task->sequences.end(),
                                         [&](int32_t seq) { return taken.count(seq) > 0; }) ||
                             (computed && task->computes());
        if (task->cancelled() || !blocked) {
            computed = computed || task->computes();
            if (advance(task, entries)) {
                at = tasks.erase(at);
                continue;
            }
        }
        taken.insert(task->sequences.begin(), task->sequences.end());
        at++;
    }
}

// Lets a task work for one turn; returns whether it is over.
bool Loop::advance(const std::shared_ptr<Task> & task, const std::vector<Entry> & entries) {
    std::exception_ptr error;
    try {
        require(task->cancelled() || !decodesIn(task->changes), "bad-request",
                "A stream is decoding in this sequence");
        const bool beside =
            held->paced && (*streaming > (streams ? 1 : 0) ||
                            std::any_of(decodes.begin(), decodes.end(),
                                        [](const auto & decode) { return decode->active(); }));
        if (task->computes() && !task->cancelled()) forgetRows(entries);
        const size_t most = pace.next(beside, (size_t) held->batchSize());
        const auto started = Clock::now();
        const bool over = task->advance(most);
        pace.note(task->computed(), most, msSince(started), beside);
        if (!over) {
            filling = task;
            return false;
        }
    } catch (...) {
        error = std::current_exception();
    }
    if (filling == task) filling.reset();
    task->finish(error);
    return true;
}

// The context's rows, which the tokens of this step were chosen from, are about to be overwritten: a stream that fails
// in this step has no tail.
void Loop::forgetRows(const std::vector<Entry> & entries) {
    for (const Entry & entry : entries)
        if (!entry.stream->tail) entry.stream->logits = nullptr;
}

void Loop::step(const std::vector<Entry> & entries) {
    const size_t count = entries.size(), most = (size_t) held->outputs;
    const size_t parts = (count + most - 1) / most;
    if (parts > 1) forgetRows(entries);
    for (size_t part = 0; part < parts; part++) {
        const auto from = entries.begin() + count * part / parts;
        const auto end = entries.begin() + count * (part + 1) / parts;
        compute({from, end}, part + 1 < parts);
    }
    if (const int32_t threads = held->crowded())
        for (const auto & decode : decodes) decode->noteCrowded(threads);
    std::set<Decode *> decoding;
    for (const auto & [decode, s] : entries) {
        if (s->ended) continue; // the step failed, or the group that it is merged with has ended
        decoding.insert(decode);
        decode->commit(*s);
    }
    for (Decode * decode : decoding) decode->stepped();
}

// Computes the step's tokens of some streams as one batch. `keep`: another batch follows, so the streams keep copies
// of their rows.
void Loop::compute(std::vector<Entry> entries, bool keep) {
    for (;;) {
        entries.erase(std::remove_if(entries.begin(), entries.end(),
                                     [](const Entry & entry) { return entry.stream->ended; }),
                      entries.end());
        if (entries.empty()) return;
        Decode * const first = entries[0].decode;
        const bool shared = std::any_of(entries.begin(), entries.end(),
                                        [&](const Entry & entry) { return entry.decode != first; });
        batch->clear();
        for (const auto & [decode, s] : entries) batch->add(s->token, s->position, s->p.seq, true);
        engineLog::clear();
        // A cancel may abort the step only if it ends every stream of it.
        const Step outcome = held->compute(*batch, shared ? nullptr : first->stopping.get());
        if (outcome == Step::DONE) break;
        if (outcome == Step::NO_CELLS && makeRoom(entries)) continue;
        for (const auto & [decode, s] : entries) held->takeBack(s->p.seq, s->position);
        if (outcome == Step::FAILED && shared) {
            // Whose fault it was is not known, so each decode is computed by itself.
            forgetRows(entries);
            std::vector<Entry> own, others;
            for (const Entry & entry : entries)
                (entry.decode == first ? own : others).push_back(entry);
            compute(own, true);
            return compute(others, true);
        }
        for (const auto & [decode, s] : entries) {
            if (s->ended) continue;
            s->logits = nullptr;
            if (outcome == Step::ABORTED)
                decode->end(*s, "cancelled");
            else if (outcome == Step::NO_CELLS)
                decode->end(*s, "overflow", "out-of-cells", "The context is full");
            else
                decode->end(*s, "failed", "decode-failed",
                            "The decode step failed: " + engineLog::lastError());
        }
        return;
    }
    int32_t row = 0;
    for (const auto & [decode, s] : entries) {
        decode->advance(*s, held->logits(row++));
        if (keep) s->hold(held->model->vocabSize);
    }
}

// The context is full despite the reserves: ends what is being filled, or else the longest stream. Its token of this
// step is not reported. Returns false if only one stream is left.
bool Loop::makeRoom(const std::vector<Entry> & entries) {
    if (filling) {
        const std::shared_ptr<Task> task = std::exchange(filling, nullptr);
        tasks.remove(task);
        task->finish(std::make_exception_ptr(CodedError("out-of-cells", "The context is full")));
        return true;
    }
    if (entries.size() < 2) return false;
    const Entry * longest = &entries[0];
    for (const Entry & entry : entries)
        if (entry.stream->position >= longest->stream->position) longest = &entry;
    longest->decode->end(*longest->stream, "overflow", "out-of-cells", "The context is full");
    return true;
}

void Loop::countStreaming(bool now) {
    if (now == streams) return;
    streams = now;
    *streaming += now ? 1 : -1;
}

// A turn threw, for lack of memory: what was under way cannot go on.
void Loop::fail(std::exception_ptr error) {
    filling.reset();
    countStreaming(false);
    for (const auto & decode : std::exchange(decodes, {})) decode->fail(error);
    for (const auto & task : std::exchange(tasks, {})) task->finish(error);
}
