// The start of a stream: its sequence is filled with what it reads before its first token.
#pragma once
#include "decode.h"
#include "fill.h"
#include "join.h"
#include "stream.h"

class Start : public Task {
public:
    Start(Loop & loop, std::shared_ptr<Decode> decode, std::shared_ptr<Stream> stream);
    bool computes() const override { return computing; }
    bool cancelled() const override { return stream->ended; }
    bool advance(size_t most) override;
    size_t computed() const override { return tokens; }
    void finish(std::exception_ptr error) override;

private:
    Loop & loop;
    const std::shared_ptr<Decode> decode;
    const std::shared_ptr<Stream> stream;
    const bool computing; // some parts are tokens, or change their positions
    bool begun = false;
    std::unique_ptr<Join> join; // once begun, if there are parts
    size_t part = 0;            // of the stream's parts: the next one
    std::unique_ptr<Fill> fill; // of that part, if it is tokens
    size_t tokens = 0;          // of this turn
    const size_t toRead;        // tokens of all parts
    size_t done = 0;            // of those

    bool begin();
    bool another(int32_t passes, size_t most, double ms) const;
    bool read(const StreamPart & next, size_t most);
};
