// One loop around one big switch: a stack machine that counts the steps of Collatz sequences. bench-interpreter [UP-TO]
#include "benchmark.h"

enum op { PUSH, LOAD, STORE, ADD, MUL, HALVE, ODD, LESS, EQUAL, JUMP, JUMP_UNLESS, CALL, RETURN, MIX, HALT };

struct instruction {
  enum op op;
  uint32_t operand;
};

// Variables: 0 the number, 1 the value, 2 its steps, 3 the last number.
static const struct instruction program[] = {
    {PUSH, 1},      {STORE, 0},                                              // 0: number = 1
    {LOAD, 3},      {LOAD, 0},  {LESS, 0}, {JUMP_UNLESS, 7}, {HALT, 0},      // 2: while number <= last
    {LOAD, 0},      {STORE, 1}, {PUSH, 0}, {STORE, 2},                       // 7: value = number, steps = 0
    {LOAD, 1},      {PUSH, 1},  {EQUAL, 0}, {JUMP_UNLESS, 24},               // 11: while value != 1
    {LOAD, 0},      {MIX, 0},   {LOAD, 2}, {MIX, 0},                         // 15: digest number and steps
    {LOAD, 0},      {PUSH, 1},  {ADD, 0},  {STORE, 0},       {JUMP, 2},      // 19: number++
    {CALL, 30},     {LOAD, 2},  {PUSH, 1}, {ADD, 0},         {STORE, 2},     // 24: step, steps++
    {JUMP, 11},                                                              // 29
    {LOAD, 1},      {ODD, 0},   {JUMP_UNLESS, 40},                           // 30: a step
    {LOAD, 1},      {PUSH, 3},  {MUL, 0},  {PUSH, 1},        {ADD, 0},       // 33: value = 3 value + 1
    {STORE, 1},     {RETURN, 0},                                             // 38
    {LOAD, 1},      {HALVE, 0}, {STORE, 1}, {RETURN, 0},                     // 40: value = value / 2
};

static uint64_t run(uint32_t last) {
  uint64_t stack[64], variables[4] = {0, 0, 0, last}, digest = DIGEST;
  uint32_t top = 0, calls[16], depth = 0, at = 0;
  for (;;) {
    struct instruction now = program[at++];
    switch (now.op) {
      case PUSH:
        stack[top++] = now.operand;
        break;
      case LOAD:
        stack[top++] = variables[now.operand];
        break;
      case STORE:
        variables[now.operand] = stack[--top];
        break;
      case ADD:
        top--;
        stack[top - 1] += stack[top];
        break;
      case MUL:
        top--;
        stack[top - 1] *= stack[top];
        break;
      case HALVE:
        stack[top - 1] /= 2;
        break;
      case ODD:
        stack[top - 1] &= 1;
        break;
      case LESS:
        top--;
        stack[top - 1] = stack[top - 1] < stack[top];
        break;
      case EQUAL:
        top--;
        stack[top - 1] = stack[top - 1] == stack[top];
        break;
      case JUMP:
        at = now.operand;
        break;
      case JUMP_UNLESS:
        if (stack[--top] == 0) at = now.operand;
        break;
      case CALL:
        calls[depth++] = at;
        at = now.operand;
        break;
      case RETURN:
        at = calls[--depth];
        break;
      case MIX:
        digest = digest_word(digest, stack[--top]);
        break;
      case HALT:
        return digest;
    }
  }
}

int main(int argc, char **argv) {
  on(SIGUSR1, interrupted);
  return finish(run(argument(argc, argv, 1, 40000)));
}
