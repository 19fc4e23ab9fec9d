// Fills a sequence with the parts of a stream.
#pragma once
#include "context.h"
#include "stream-params.h"

// Where cells are moved or copied, they come to stand behind what the sequence holds so far; shared ones stay where they
// are. All moves and copies are made first, with one K-shift; then the caller appends the parts in order, ranges by
// `append` and tokens by a prefill, and calls `keep` or `undo`. Only one Join with copies may exist per context.
class Join {
public:
    // Empties `seq`. No stream may decode in a sequence whose cells move. Errors: those of Context::move, copyRange and
    // applyMoves.
    Join(Context & context, int32_t seq, const std::vector<StreamPart> & parts);
    Join(const Join &) = delete;

    // Appends the cells of part `i`; returns how many cells were added to the context. Errors: those of Context::copy.
    int32_t append(size_t i);
    // Call when all parts are in place.
    void keep();
    // Empties the sequence and moves cells back, unless the parts are kept. Errors: those of Context::applyMoves.
    void undo();

private:
    Context & context;
    const int32_t seq;
    const std::vector<StreamPart> & parts;
    struct Range {
        int32_t start, end, delta; // of the source, before it moved
    };
    std::vector<Range> ranges; // by part
    bool kept = false;
    bool copies = false; // in the scratch sequences

    void place();
    void dropCopies();
};
