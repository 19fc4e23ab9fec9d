#include "start.h"
#include "errors.h"
#include <algorithm>

static std::vector<int32_t> touched(const StreamParams & p) {
    std::vector<int32_t> sequences = {p.seq};
    if (p.branchFrom >= 0) sequences.push_back(p.branchFrom);
    for (const StreamPart & part : p.parts)
        if (part.from >= 0) sequences.push_back(part.from);
    return sequences;
}

// Appends the cells of a part to what the sequence holds so far.
static void appendCells(Context & context, int32_t seq, const StreamPart & part) {
    context.copy(part.from, seq, part.end);
}

Start::Start(std::shared_ptr<Decode> of, std::shared_ptr<Stream> begins)
    : Task(touched(begins->p), begins->p.seq)
    , decode(std::move(of))
    , stream(std::move(begins))
    , reads(std::any_of(stream->p.parts.begin(), stream->p.parts.end(),
                        [](const StreamPart & part) { return !part.tokens.empty(); })) {}

void Start::begin() {
    begun = true;
    const StreamParams & p = stream->p;
    Context & context = *decode->context;
    if (p.branchFrom < 0 && p.parts.empty()) return;
    context.remove(p.seq, 0);
    if (p.branchFrom >= 0) context.copy(p.branchFrom, p.seq, p.branchEnd);
}

bool Start::advance(size_t most) {
    tokens = 0;
    if (stream->ended) return true;
    if (!begun) begin();
    const StreamParams & p = stream->p;
    for (; part < p.parts.size(); part++) {
        const StreamPart & next = p.parts[part];
        if (next.from >= 0) appendCells(*decode->context, p.seq, next);
        if (next.tokens.empty()) continue;
        if (tokens > 0 || !read(next, most)) return false;
    }
    decode->context->setThought(p.seq, p.thought);
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
        fill = std::make_unique<Fill>(*decode->context, std::move(params));
    }
    const bool whole = fill->advance(most, *decode->stopping);
    tokens = fill->lastChunk();
    if (!whole) return false;
    decode->spend(*stream, (int64_t) fill->size());
    fill.reset();
    return true;
}

void Start::finish(std::exception_ptr error) {
    if (!stream->filled && begun && !stream->p.parts.empty())
        decode->context->takeBack(stream->p.seq, 0); // the parts that were read
    if (!error || stream->ended) return;
    const CodedError failure = codedError(error);
    if (failure.code == "cancelled")
        decode->end(*stream, "cancelled");
    else
        decode->end(*stream, "failed", failure.code, failure.what());
}
