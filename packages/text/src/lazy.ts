/** What `make` gives, made at the first call: what few need should not slow every import of the package down. */
export function lazy<Made>(make: () => Made): () => Made {
  let made: Made | undefined;
  return () => {
    made ??= make();
    return made;
  };
}
