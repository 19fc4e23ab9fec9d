#include "join.h"
#include <algorithm>

Join::Join(Context & context, int32_t seq, const std::vector<StreamPart> & parts)
    : context(context)
    , seq(seq)
    , parts(parts) {
    context.remove(seq, 0);
    place();
    copies = std::any_of(parts.begin(), parts.end(), [](const StreamPart & part) {
        return part.from >= 0 && part.place == StreamPart::COPY;
    });
    bool pending = false;
    const auto each = [&](StreamPart::Place place, const auto & work) {
        for (size_t i = 0; i < parts.size(); i++) {
            const Range & r = ranges[i];
            if (parts[i].from < 0 || parts[i].place != place || r.start == r.end) continue;
            work(parts[i].from, r.start, r.end, r.delta);
            pending = pending || r.delta != 0;
        }
    };
    try {
        // Copies come first: they read cells that may move.
        each(StreamPart::MOVE, [&](int32_t from, int32_t start, int32_t end, int32_t delta) {
            context.requireMovable(from, start, end, delta);
        });
        each(StreamPart::COPY, [&](int32_t from, int32_t start, int32_t end, int32_t delta) {
            context.copyRange(from, start, end, delta);
        });
        each(StreamPart::MOVE, [&](int32_t from, int32_t start, int32_t end, int32_t delta) {
            context.move(from, start, end, delta);
        });
        if (pending) context.applyMoves();
    } catch (...) {
        dropCopies();
        throw;
    }
}

// Computes each part's range, and by how much it moves to stand behind the parts before it.
void Join::place() {
    int32_t position = 0;
    for (const StreamPart & part : parts) {
        Range r{0, 0, 0};
        if (part.from < 0) {
            position += (int32_t) part.tokens.size();
        } else {
            const int32_t length = context.lastPosition(part.from) + 1;
            r.end = part.end < 0 ? length : std::min(part.end, length);
            r.start = std::min(part.start, r.end);
            if (part.place == StreamPart::SHARED) {
                if (r.start < r.end) position = std::max(position, r.end);
            } else {
                r.delta = position - r.start;
                position += r.end - r.start;
            }
        }
        ranges.push_back(r);
    }
}

int32_t Join::append(size_t i) {
    const StreamPart & part = parts.at(i);
    const Range & r = ranges[i];
    switch (part.place) {
    case StreamPart::SHARED:
        context.copy(part.from, seq, part.end, part.start);
        return 0;
    case StreamPart::MOVE:
        if (r.start < r.end) context.copy(part.from, seq, r.end + r.delta, r.start + r.delta);
        return 0;
    default:
        context.shareCopies(seq, r.start + r.delta, r.end + r.delta);
        return r.end - r.start;
    }
}

void Join::keep() {
    kept = true;
    dropCopies();
}

// Another stream's copies are not touched.
void Join::dropCopies() {
    if (copies) context.dropCopies();
}

void Join::undo() {
    if (kept) return;
    dropCopies();
    context.remove(seq, 0);
    bool pending = false;
    for (size_t i = 0; i < parts.size(); i++) {
        const Range & r = ranges[i];
        if (parts[i].from < 0 || parts[i].place != StreamPart::MOVE || r.start == r.end) continue;
        context.move(parts[i].from, r.start + r.delta, r.end + r.delta, -r.delta);
        pending = pending || r.delta != 0;
    }
    if (pending) context.applyMoves();
}
