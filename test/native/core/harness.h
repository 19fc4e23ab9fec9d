// A test is TEST("name") { ... } with CHECKs; test/native/core.test.ts runs each in a separate process.
#pragma once
#include "context.h"
#include "decode.h"
#include "errors.h"
#include "fill.h"
#include "loop.h"
#include <functional>
#include <map>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

struct Test {
    const char * name;
    void (*body)();
};
std::vector<Test> & tests();
struct Registered {
    Registered(const char * name, void (*body)()) { tests().push_back({name, body}); }
};

#define TEST_JOIN(a, b) a##b
#define TEST_NAME(a, b) TEST_JOIN(a, b)
#define TEST(name)                                                                                 \
    static void TEST_NAME(test, __LINE__)();                                                       \
    static Registered TEST_NAME(registered, __LINE__)(name, TEST_NAME(test, __LINE__));            \
    static void TEST_NAME(test, __LINE__)()

struct Unequal : std::runtime_error {
    using std::runtime_error::runtime_error;
};

template <typename T>
void show(std::ostream & out, const T & value) {
    out << value;
}
template <typename T>
void show(std::ostream & out, const std::vector<T> & list) {
    out << '[';
    for (const T & value : list) show(out << ' ', value);
    out << " ]";
}

template <typename A, typename B>
void checkEqual(const A & got, const B & wanted, const char * text, const char * file, int line) {
    if (got == wanted) return;
    std::ostringstream out;
    out << file << ':' << line << ": " << text << " is ";
    show(out, got);
    show(out << ", not ", wanted);
    throw Unequal(out.str());
}
#define CHECK_EQUAL(got, wanted) checkEqual(got, wanted, #got, __FILE__, __LINE__)
#define CHECK(condition) checkEqual(bool(condition), true, #condition, __FILE__, __LINE__)

// Returns the code of the CodedError that `work` throws, or "" if it throws nothing.
template <typename Work>
std::string codeOf(Work && work) {
    try {
        work();
        return "";
    } catch (const CodedError & e) {
        return e.code;
    }
}

// Returns the path of the tiny model (test/support/tiny-models.ts) that the program was started with.
const std::string & modelFile();
std::shared_ptr<Model> openModel();

using Ids = std::vector<int32_t>;

// A context of the tiny model.
struct Fixture {
    std::shared_ptr<Model> model = openModel();
    std::shared_ptr<StopFlag> leaving = std::make_shared<StopFlag>();
    std::shared_ptr<Context> context;
    std::shared_ptr<Loop> loop;

    explicit Fixture(int32_t cells = 1024, bool attention = false);
    static ContextParams params(int32_t cells);
    void fill(int32_t seq, const Ids & tokens);
};

// Parts that a stream begins from: shared cells of a sequence, tokens to prefill.
StreamPart cells(int32_t from, int32_t end = -1);
StreamPart words(const Ids & tokens);

// A greedy stream whose sequence is its id.
StreamParams stream(int32_t id, int32_t budget = 8, const Ids & forced = {});

struct Decoded {
    std::map<int32_t, std::vector<TokenRecord>> tokens;
    std::map<int32_t, std::vector<StreamEnd>> ends;
    Ids paused;
    DecodeResult result;

    void take(const DecodeReport & report);
    Ids ids(int32_t stream) const;
    // Why a stream ended, which must have ended exactly once.
    std::string reason(int32_t stream) const;
    std::string code(int32_t stream) const;
};

// Adds tokens to a sequence in chunks of at most `most`; the steps of the loop do not take part.
PrefillResult prefill(Context & context, const PrefillParams & params, const StopFlag & stop,
                      const std::function<void(size_t)> & onProgress, size_t most = 512);

// A decode that collects its reports; `onReport` sees each report after it was collected. It begins with its loop's
// next turn.
struct Decoding {
    Decoded decoded;
    std::shared_ptr<StopFlag> flag;
    std::function<void()> onReport;
    std::function<void(int32_t, StreamReading)> onReading; // of each report
    bool over = false;
    const std::shared_ptr<Decode> shared;
    Decode & decode;

    Decoding(const Fixture & fixture, DecodeParams params);
    // Takes turns until this decode is over.
    Decoded & run();

private:
    const std::shared_ptr<Loop> loop;
};

DecodeParams streams(const std::vector<StreamParams> & streams, int32_t finish = 0);
Decoded run(const Fixture & fixture, DecodeParams params);

extern const Ids PROMPT;

// A context with the prompt in every sequence.
struct Prompted : Fixture {
    explicit Prompted(int32_t cells = 1024);
    // Gives a sequence the prompt, and nothing else.
    void again(int32_t seq);
    // What a stream decodes by itself; its sequence holds the prompt before and after.
    Ids alone(const StreamParams & params);
};
