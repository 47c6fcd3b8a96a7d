"""What every table and file must look like: words, spec, schemas, expectations, samples."""
