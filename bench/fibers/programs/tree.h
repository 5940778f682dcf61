// A search tree of the numbers from 1 on.
#pragma once

#include <stdlib.h>

typedef struct node {
  int value;
  struct node *left, *right;
} node;

static inline node *tree_of(int first, int last) {
  if (first > last) return NULL;
  node *const root = malloc(sizeof *root);
  root->value = first + (last - first) / 2;
  root->left = tree_of(first, root->value - 1);
  root->right = tree_of(root->value + 1, last);
  return root;
}
