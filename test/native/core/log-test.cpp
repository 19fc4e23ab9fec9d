#include "harness.h"
#include "llama.h"
#include "log-codes.h"
#include "log.h"
#include <cstdio>

static void logged(ggml_log_level level, const char * text) {
    ggml_log_callback callback;
    void * data;
    llama_log_get(&callback, &data);
    callback(level, text, data);
}

static std::string codeAfter(ggml_log_level level, const char * text) {
    engineLog::clear();
    logged(level, text);
    return logCodes::failure("bad-model", "It failed").code;
}

TEST("log texts become codes") {
    const auto error = GGML_LOG_LEVEL_ERROR;
    for (const char * text : {"alloc_tensor_range: failed to allocate CUDA0 buffer of size 123\n",
                              "load_tensors: unable to allocate CPU buffer\n",
                              "llama_model_load: error loading model: std::bad_alloc\n"})
        CHECK_EQUAL(codeAfter(error, text), "out-of-memory");
    CHECK_EQUAL(codeAfter(GGML_LOG_LEVEL_WARN, "cudaMalloc failed: out of memory\n"),
                "out-of-memory");
    CHECK_EQUAL(codeAfter(error, "gguf_init_from_file_impl: invalid magic characters\n"),
                "bad-model");
    // Only an error's own text names the cause.
    CHECK_EQUAL(codeAfter(GGML_LOG_LEVEL_INFO, "allocated 12 MiB\n"), "bad-model");
}

TEST("an error says what was logged first, since the last call") {
    engineLog::clear();
    CHECK_EQUAL(std::string(logCodes::failure("bad-model", "It failed").what()),
                "It failed: llama.cpp gives no reason");
    logged(GGML_LOG_LEVEL_ERROR, "load: the cause\n");
    logged(GGML_LOG_LEVEL_ERROR, "load: failed to load model\n");
    CHECK_EQUAL(std::string(logCodes::failure("bad-model", "It failed").what()),
                "It failed: the cause");
    engineLog::clear();
    CHECK_EQUAL(engineLog::lastError(), "");
}

TEST("memory that cannot be had is out-of-memory, a broken file bad-model") {
    Fixture f;
    // 1.5 GiB: core.test.ts makes the allocator refuse that.
    ContextParams p = Fixture::params(1 << 20);
    CHECK_EQUAL(codeOf([&] { Context(f.model, p, f.leaving); }), "out-of-memory");
    const std::string broken = modelFile() + ".broken";
    FILE * file = fopen(broken.c_str(), "w");
    fputs("GGUF", file);
    fclose(file);
    CHECK_EQUAL(codeOf([&] { Model::load({broken, "cpu", 0}, StopFlag(), nullptr); }), "bad-model");
    std::remove(broken.c_str());
}

TEST("under auto, llama.cpp says whether it uses flash attention") {
    const auto model = openModel();
    for (const char * wanted : {"on", "off", "auto"}) {
        ContextParams p = Fixture::params(256);
        p.flashAttention = wanted;
        const ContextInfo info = Context(model, p, std::make_shared<StopFlag>()).info();
        CHECK_EQUAL(info.flashAttention, wanted != std::string("off"));
        CHECK_EQUAL(info.kvBytes, 256u * 2 * 3 * 2 * 32 * 4);
    }
}
