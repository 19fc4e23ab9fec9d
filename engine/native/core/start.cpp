#include "start.h"
#include "clock.h"
#include "errors.h"
#include "loop.h"
#include "pace.h"
#include <algorithm>
#include <numeric>

static std::vector<int32_t> touched(const StreamParams & p) {
    std::vector<int32_t> sequences = {p.seq};
    if (p.branchFrom >= 0) sequences.push_back(p.branchFrom);
    for (const StreamPart & part : p.parts) {
        if (part.from >= 0) sequences.push_back(part.from);
        if (part.place == StreamPart::COPY) sequences.push_back(Task::SCRATCH);
    }
    return sequences;
}

static bool isShared(const StreamPart & part) {
    return part.from >= 0 ? part.place == StreamPart::SHARED : part.tokens.empty();
}

static size_t tokensOf(const StreamParams & p) {
    return std::accumulate(
        p.parts.begin(), p.parts.end(), (size_t) 0,
        [](size_t sum, const StreamPart & part) { return sum + part.tokens.size(); });
}

Start::Start(Loop & loop, std::shared_ptr<Decode> of, std::shared_ptr<Stream> begins)
    : Task(touched(begins->p), begins->p.seq)
    , loop(loop)
    , decode(std::move(of))
    , stream(std::move(begins))
    , computing(!std::all_of(stream->p.parts.begin(), stream->p.parts.end(), isShared))
    , toRead(tokensOf(stream->p)) {}

// Returns whether cells were moved or copied, which is enough for one turn.
bool Start::begin() {
    begun = true;
    const StreamParams & p = stream->p;
    Context & context = *decode->context;
    if (p.branchFrom >= 0) {
        context.remove(p.seq, 0);
        context.copy(p.branchFrom, p.seq, p.branchEnd);
    }
    bool placed = false;
    for (const StreamPart & part : p.parts) {
        require(part.place != StreamPart::MOVE || !loop.reads(part.from), "internal",
                "A stream decodes in a sequence that would move");
        placed = placed || (part.from >= 0 && part.place != StreamPart::SHARED);
    }
    if (!p.parts.empty()) join = std::make_unique<Join>(context, p.seq, p.parts);
    return placed;
}

// Returns whether another part of tokens fits into this turn after `passes` of them: however few its tokens, it reads all
// weights, so it takes about as long as those before. How far the stream is, is reported between turns, so this holds even
// if no stream waits.
bool Start::another(int32_t passes, size_t most, double ms) const {
    return tokens < most && ms / passes * (passes + 1) <= Pace::TARGET_MS;
}

bool Start::advance(size_t most) {
    tokens = 0;
    int32_t passes = 0;
    const auto started = Clock::now();
    if (stream->ended) return true;
    if (!begun && begin()) return false;
    const StreamParams & p = stream->p;
    for (; part < p.parts.size(); part++) {
        const StreamPart & next = p.parts[part];
        if (next.from >= 0) {
            decode->spend(*stream, join->append(part));
        } else if (!next.tokens.empty()) {
            if (passes > 0 && !another(passes, most, msSince(started))) return false;
            passes++;
            if (!read(next, most - tokens)) return false;
        }
    }
    decode->context->setThought(p.seq, p.thought);
    if (join) join->keep();
    decode->place(*stream);
    return true;
}

// Computes a chunk of a part; returns true once all of it is in place.
bool Start::read(const StreamPart & next, size_t most) {
    if (!fill) {
        PrefillParams params;
        params.seq = stream->p.seq;
        params.thought = next.thought;
        params.tokens = next.tokens;
        // Only the logits after the last tokens are drawn from; each row costs part of a step.
        params.tail = std::none_of(stream->p.parts.begin() + part + 1, stream->p.parts.end(),
                                   [](const StreamPart & later) { return !later.tokens.empty(); });
        fill = std::make_unique<Fill>(*decode->context, std::move(params));
    }
    const bool whole = fill->advance(most, *decode->stopping);
    tokens += fill->lastChunk();
    done += fill->lastChunk();
    decode->noteReading(*stream, {done, toRead});
    if (!whole) return false;
    decode->spend(*stream, (int64_t) fill->size());
    fill.reset();
    return true;
}

void Start::finish(std::exception_ptr error) {
    try {
        if (join) join->undo(); // unless it is kept
    } catch (const CodedError &) {
        // The context is lost, and says so in its next operation.
    }
    if (!error || stream->ended) return;
    const CodedError failure = codedError(error);
    if (failure.code == "cancelled")
        decode->end(*stream, "cancelled");
    else
        decode->end(*stream, "failed", failure.code, failure.what());
}
