// The attention of patches/0006-row-attention.patch, in every form that this processor can compute, against sums in float64.
#include "harness.h"
#include "llama-row-attention.cpp"
#include <cmath>
#include <random>

#if defined(__x86_64__) || defined(__aarch64__)

namespace {

struct Shape {
    int64_t embd, heads, headsKv;
};

// K, V, q and a mask of random values. Row 0 sees every cell, row 1 none, row 2 one, the others one of `rows`.
struct Attention {
    static constexpr int64_t ROWS = 6, CELLS = 203;
    const Shape shape;
    const float scale;
    std::vector<float> q, out;
    std::vector<ggml_fp16_t> k, v, mask;
    ggml_tensor tensorQ{}, tensorK{}, tensorV{}, tensorMask{}, dst{};

    explicit Attention(const Shape & shape)
        : shape(shape)
        , scale(1 / std::sqrt((float) shape.embd))
        , q(shape.embd * shape.heads * ROWS)
        , out(q.size(), NAN)
        , k(shape.embd * shape.headsKv * CELLS)
        , v(k.size())
        , mask(CELLS * ROWS, ggml_fp32_to_fp16(-INFINITY)) {
        std::mt19937 random(7);
        std::normal_distribution<float> normal;
        for (float & x : q) x = 4 * normal(random);
        for (ggml_fp16_t & x : k) x = ggml_fp32_to_fp16(normal(random));
        // Some are below the smallest normal number of F16.
        for (ggml_fp16_t & x : v) x = ggml_fp32_to_fp16(normal(random) * 1e-4f);
        for (int64_t cell = 0; cell < CELLS; cell++) {
            mask[cell] = ggml_fp32_to_fp16(0);
            if (cell % ROWS > 2) mask[cell % ROWS * CELLS + cell] = ggml_fp32_to_fp16(0);
        }
        mask[2 * CELLS + CELLS - 1] = ggml_fp32_to_fp16(0);
        const size_t f = sizeof(float), h = sizeof(ggml_fp16_t);
        const int64_t embd = shape.embd, heads = shape.heads, headsKv = shape.headsKv;
        lay(tensorQ, q.data(), {embd, ROWS, heads}, {f, f * embd * heads, f * embd});
        lay(tensorK, k.data(), {embd, CELLS, headsKv}, {h, h * embd * headsKv, h * embd});
        lay(tensorV, v.data(), {embd, CELLS, headsKv}, {h, h * embd * headsKv, h * embd});
        lay(tensorMask, mask.data(), {CELLS, ROWS, 1}, {h, h * CELLS, h * CELLS * ROWS});
        lay(dst, out.data(), {embd, heads, ROWS}, {f, f * embd, f * embd * heads});
        dst.src[0] = &tensorQ;
        dst.src[1] = &tensorK;
        dst.src[2] = &tensorV;
        dst.src[3] = &tensorMask;
    }

    static void lay(ggml_tensor & t, void * data, const int64_t (&ne)[3], const size_t (&nb)[3]) {
        t.data = data;
        for (int i = 0; i < 3; i++) {
            t.ne[i] = ne[i];
            t.nb[i] = nb[i];
        }
        t.ne[3] = 1;
    }

    double at(const std::vector<ggml_fp16_t> & kv, int64_t cell, int64_t head, int64_t i) const {
        return ggml_fp16_to_fp32(kv[(cell * shape.headsKv + head) * shape.embd + i]);
    }

    // Returns the furthest that a result is from what it should be.
    double worst() const {
        double apart = 0;
        for (int64_t row = 0; row < ROWS; row++)
            for (int64_t head = 0; head < shape.heads; head++) {
                const int64_t headKv = head / (shape.heads / shape.headsKv);
                const size_t first = (row * shape.heads + head) * shape.embd;
                std::vector<double> sums(shape.embd);
                double weights = 0;
                for (int64_t cell = 0; cell < CELLS; cell++) {
                    if (std::isinf(ggml_fp16_to_fp32(mask[row * CELLS + cell]))) continue;
                    double dot = 0;
                    for (int64_t i = 0; i < shape.embd; i++)
                        dot += q[first + i] * at(k, cell, headKv, i);
                    const double weight = std::exp(dot * scale);
                    weights += weight;
                    for (int64_t i = 0; i < shape.embd; i++)
                        sums[i] += weight * at(v, cell, headKv, i);
                }
                for (int64_t i = 0; i < shape.embd; i++) {
                    const double wanted = weights == 0 ? 0 : sums[i] / weights;
                    const double off = std::fabs(out[first + i] - wanted);
                    apart = off <= apart ? apart : off; // NaN counts
                }
            }
        return apart;
    }
};

} // namespace

TEST("attention over the cells that a row sees is that of all cells") {
    const auto forms = row_attention::supported();
    for (const Shape & shape :
         {Shape{64, 14, 2}, Shape{128, 12, 2}, Shape{32, 3, 3}, Shape{96, 16, 1}, Shape{64, 9, 1}})
        for (size_t form = 0; form < forms.size(); form++)
            for (const int threads : {1, 3}) {
                Attention attention(shape);
                for (int i = 0; i < threads; i++)
                    forms[form](&attention.dst, attention.scale, i, threads);
                CHECK(attention.worst() < 1e-9);
            }
}

#endif
