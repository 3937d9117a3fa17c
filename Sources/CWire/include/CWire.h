// Placeholder until the generated code lands.
