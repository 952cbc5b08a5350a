/* A random problem: a description in any layout, type and mode, the values of everything that it reads, and
 * what must come out, in fp64 from the formulas of vknorm.h, one element at a time. */
#ifndef TESTS_PROBLEM_H
#define TESTS_PROBLEM_H

#include "generate.h"

/* The most values of any role. */
#define PROBLEM_MOST 8320

typedef struct Problem {
    VknDesc desc; /* TRAIN, with all roles that it may have */
    bool has_residual;
    bool backward; /* within a gradient, which has x + residual as X */
    uint64_t batch_number;
    uint64_t elements; /* with padding */
    uint64_t channels, statistics, parameters;
    /* What the roles hold before a run, and after it: [role][element, statistic or channel times its words]
     */
    double given[VKN_ROLE_COUNT][PROBLEM_MOST];
    double value[VKN_ROLE_COUNT][PROBLEM_MOST];
    double other[VKN_ROLE_COUNT][PROBLEM_MOST]; /* also right: the other side of a jump */
    double slack[VKN_ROLE_COUNT][PROBLEM_MOST]; /* how far off a result may be; negative: untouched */
} Problem;

/* Words of a role: elements, or words of a record times statistics or channels. */
uint64_t problem_count(const Problem *p, uint32_t role);

/* How a role is stored, NULL for what is no tensor of the shape; where value `index` lies, in units of its
 * type; whether there is one (padding has none). */
const VknTensor *problem_tensor(const Problem *p, uint32_t role);
uint64_t problem_place(const Problem *p, uint32_t role, uint64_t index);
bool problem_exists(const Problem *p, uint32_t role, uint64_t index);

/* What values are like: a function of the seed and of where they lie. */
typedef struct ProblemFill {
    uint64_t seed;
    uint32_t counted_percent; /* of a mask */
    bool holes;               /* some x are -inf */
    bool positive;            /* no x is below 1.5 */
} ProblemFill;

/* Counts the description's parts and gives every role its values. */
void problem_fill(Problem *p, const ProblemFill *fill);

typedef enum ProblemShape {
    PROBLEM_ANY,  /* at most so many elements, in any layout */
    PROBLEM_WIDE, /* up to 8,320, in dense rows of quads */
    PROBLEM_CELLS /* up to 1,800, where statistics and parameters have axes of their own and in common */
} ProblemShape;

/* A problem of a shape, PROBLEM_ANY of at most `most` elements; `activation` chooses one of the table. */
void problem_random(Problem *p, TestRandom *random, uint64_t most, ProblemShape shape, uint32_t activation);

/* Its description alone, of any number of elements. */
void problem_random_desc(Problem *p, TestRandom *random, uint64_t most, ProblemShape shape,
                         uint32_t activation);

/* Whether the derivative of an activation has two values, 1 and another, and whether it follows from the
 * value. */
bool problem_has_two_slopes(const VknActivation *activation);
bool problem_y_determines(const VknActivation *activation);

/* Expects what TRAIN, STATISTICS and FINISH write. Gives the moments to FINISH and the saved statistics to
 * the gradients, as f32. */
void problem_expect_training(Problem *p);

/* Expects what APPLY writes with the saved statistics. */
void problem_expect_apply(Problem *p);

/* Expects gradients: of TRAIN if `follows`, with the sums as `given` if there are some. The derivative of the
 * activation comes from VKN_ROLE_X or Y, or VKN_ROLE_DY: the whole gradient from the given Y. */
void problem_expect_gradient(Problem *p, bool follows, bool sums_given, VknRole from);

/* Expects what REDUCE writes with the description's statistic, reduced over what is not kept. */
void problem_expect_reduce(Problem *p);

/* The loss whose gradients those are, sum of dy * y, in fp64 throughout, with r and d of batch
 * renormalization as given. */
double problem_loss(const Problem *p);

#endif
