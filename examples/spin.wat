;; Computes for ever: only a signal ends it (README.md).
(module
  (func (export "_start") (loop $again (br $again))))
