// Attribution: how much each token of a prefill attends to spans of KV cells.
#pragma once
#include "ggml-backend.h"
#include "ggml.h"
#include <algorithm>
#include <cstring>
#include <vector>

// Sums the softmax of every layer and head by span while llama.cpp computes it. Needs flash attention off; reads the
// tensors `kq_soft_max-<layer>`, F32 [n_kv, n_tokens, n_head], of src/llama-graph.cpp.
class AttentionSums {
public:
    // Starts a measurement. Spans are [0, ends[0]), [ends[0], ends[1]), ... of cells, in the order they were filled.
    void begin(const std::vector<int32_t> & ends, size_t tokens) {
        spanEnds = ends;
        rows.assign(tokens * ends.size(), 0);
        counts.assign(tokens, 0);
        on = false;
    }
    // Measures the next step, which computes this prefill from the token of this index on.
    void at(size_t token) {
        first = token;
        on = true;
    }
    // Steps of others are not measured.
    void pause() { on = false; }

    // Returns the mean over layers and heads: [tokens][spans], row-major.
    std::vector<float> result() const {
        std::vector<float> means(rows.size());
        const size_t n = spanEnds.size();
        for (size_t i = 0; i < rows.size(); i++)
            means[i] = counts[i / n] ? (float) (rows[i] / counts[i / n]) : 0;
        return means;
    }

    // A ggml_backend_sched_eval_callback.
    static bool observe(ggml_tensor * tensor, bool ask, void * data) {
        AttentionSums & self = *static_cast<AttentionSums *>(data);
        const bool wanted = self.on && !self.spanEnds.empty() &&
                            std::strncmp(tensor->name, "kq_soft_max", 11) == 0 &&
                            tensor->type == GGML_TYPE_F32;
        if (!ask && wanted) self.add(tensor);
        return ask ? wanted : true;
    }

private:
    std::vector<int32_t> spanEnds;
    std::vector<double> rows;
    std::vector<int64_t> counts;
    std::vector<float> buffer;
    size_t first = 0;
    bool on = false;

    void add(const ggml_tensor * tensor) {
        const int64_t cells = tensor->ne[0], tokens = tensor->ne[1],
                      heads = tensor->ne[2] * tensor->ne[3];
        buffer.resize(ggml_nelements(tensor));
        ggml_backend_tensor_get(tensor, buffer.data(), 0, buffer.size() * sizeof(float));
        for (int64_t head = 0; head < heads; head++) {
            for (int64_t token = 0; token < tokens && first + token < counts.size(); token++) {
                const float * weights = buffer.data() + (head * tokens + token) * cells;
                double * row = rows.data() + (first + token) * spanEnds.size();
                int64_t cell = 0;
                for (size_t span = 0; span < spanEnds.size(); span++) {
                    const int64_t end = std::min<int64_t>(spanEnds[span], cells);
                    for (; cell < end; cell++) row[span] += weights[cell];
                }
                counts[first + token]++;
            }
        }
    }
};
