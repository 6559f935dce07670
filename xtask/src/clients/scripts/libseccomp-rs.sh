# The test programs of the Rust binding.
cd /tmp
for test in /stage/binding/*; do
    basename "$test"
    "$test" --test-threads=1 > out 2>&1 || { cat out; exit 1; }
    grep -a '^test ' out | sed 's/; finished.*//'
done
