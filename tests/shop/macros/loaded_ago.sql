{#- Stands in for the loader of a real shop: stamps the rows of a raw table as loaded `age` ago. -#}
{% macro loaded_ago(age) -%}
    update {{ this }} set loaded_at = (now() at time zone 'UTC') - interval '{{ age }}'
{%- endmacro %}
